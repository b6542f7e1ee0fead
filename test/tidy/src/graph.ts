import path from 'node:path'
import type { Complaint } from './checks.ts'
import type { SourceFile } from './source-file.ts'
import type { Unit } from './workspace.ts'

/** Relative imports as edges between files of the tree. */
function edges(file: SourceFile, known: ReadonlySet<string>): Set<string> {
  const targets = new Set<string>()
  for (const specifier of [...file.imports, ...file.started]) {
    if (!specifier.startsWith('.')) continue
    const joined = path.posix.join(path.posix.dirname(file.path), specifier)
    const source = joined.replace(/\.js$/, '.ts')
    for (const candidate of [joined, source, source.replace('/dist/', '/src/')]) {
      if (known.has(candidate)) targets.add(candidate)
    }
  }
  return targets
}

/** Files that no door, program or test leads to. */
export function checkDeadFiles(files: readonly SourceFile[], units: readonly Unit[]): Complaint[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const known = new Set(byPath.keys())
  const roots = files
    .filter((file) => file.isTest || /\/src\/(?:.*\/)?main\.ts$|\.d\.ts$/.test(file.path))
    .map((file) => file.path)
  const reached = new Set<string>()
  const waiting = [...roots, ...units.flatMap((unit) => unit.doors)]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const file = byPath.get(next)
    if (file === undefined || reached.has(next)) continue
    reached.add(next)
    waiting.push(...edges(file, known))
  }
  return files.filter((file) => !reached.has(file.path)).map((file) => `${file.path}: nothing leads to this file`)
}

/**
 * Classes of a fluent interface make one another: a stream is grouped, a group becomes a table, a table is a stream
 * again.
 */
const fluent = /^packages\/streams\/src\/dsl\//

/** Cycles between files, type-only imports included: two files that need each other are one noun or three. */
export function checkCycles(files: readonly SourceFile[]): Complaint[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const known = new Set(byPath.keys())
  const state = new Map<string, 'open' | 'done'>()
  const complaints: Complaint[] = []
  const visit = (at: string, trail: readonly string[]): void => {
    const file = byPath.get(at)
    if (file === undefined || state.get(at) === 'done') return
    if (state.get(at) === 'open') {
      const cycle = trail.slice(trail.indexOf(at))
      if (!cycle.every((member) => fluent.test(member))) complaints.push(`${[...cycle, at].join(' → ')}: a cycle`)
      return
    }
    state.set(at, 'open')
    for (const target of edges(file, known)) visit(target, [...trail, at])
    state.set(at, 'done')
  }
  for (const file of files) visit(file.path, [])
  return complaints
}
