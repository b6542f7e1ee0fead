import path from 'node:path'
import { layers, libraries, worldlyGlobals, worldlyModules } from './layers.ts'
import type { SourceFile } from './source-file.ts'
import type { Unit } from './workspace.ts'

const fileLinesMax = 500
const lineColumnsMax = 120
const emptyNames = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'shared', 'types'])

/** One complaint: `place: what is wrong and what to do`. */
export type Complaint = string

/** Arrows and doors: who may import whom, and only through an entry that the package names. */
export function checkArrows(files: readonly SourceFile[], units: readonly Unit[]): Complaint[] {
  const byName = new Map(units.map((unit) => [unit.name, unit]))
  const complaints: Complaint[] = []
  for (const file of files) {
    for (const specifier of file.imports) {
      const [first = '', second = ''] = specifier.split('/')
      const name = first.startsWith('@') ? `${first}/${second}` : first
      const target = byName.get(name)
      if (target === undefined) complaints.push(...checkLibrary(file, specifier, name))
      else complaints.push(...checkArrow(file, specifier, target))
    }
  }
  return complaints
}

function checkArrow(file: SourceFile, specifier: string, target: Unit): Complaint[] {
  const ownFolder = file.path.startsWith(`${target.folder}/`)
  const row = layers[file.owner]
  if (row === undefined) return [`${file.path}: ${file.owner} has no row in the layer table`]
  const allowed =
    ownFolder ||
    row === 'all' ||
    file.isTest ||
    (row === 'public' ? !specifier.endsWith('/internal') : row.includes(target.owner))
  if (!allowed) return [`${file.path}: ${file.owner} may not import ${specifier}`]
  const door = specifier.slice(target.name.length)
  const known = target.doors.some((entry) => doorName(entry, target.folder) === door)
  return known ? [] : [`${file.path}: ${specifier} is not a door of ${target.name}`]
}

function doorName(entry: string, folder: string): string {
  const inner = entry
    .slice(`${folder}/src/`.length)
    .replace(/\.ts$/, '')
    .replace(/\/index$/, '')
  return inner === 'index' ? '' : `/${inner}`
}

function checkLibrary(file: SourceFile, specifier: string, name: string): Complaint[] {
  if (specifier.startsWith('.') || file.isTest || file.owner === 'test' || file.owner === 'examples') return []
  if (specifier.startsWith('node:')) {
    if (!worldlyModules.has(specifier) || mayTouchTheWorld(file)) return []
    return [`${file.path}: imports ${specifier}; law 3 keeps it behind a port of kernel`]
  }
  return (libraries[file.owner] ?? []).includes(name)
    ? []
    : [`${file.path}: ${file.owner} may not import the library ${name}`]
}

/**
 * Law 3. Connectors talk to their systems through drivers and to files through Node; programs are their own masters.
 */
function mayTouchTheWorld(file: SourceFile): boolean {
  return (
    file.isTest ||
    file.path.startsWith('packages/kernel/src/node/') ||
    file.path.startsWith('packages/millrace/') ||
    file.path.startsWith('packages/testkit/') ||
    file.owner === 'connector-file' ||
    file.owner === 'examples' ||
    file.owner === 'test'
  )
}

export function checkGlobals(files: readonly SourceFile[]): Complaint[] {
  const complaints: Complaint[] = []
  for (const file of files) {
    if (mayTouchTheWorld(file)) continue
    file.code.split('\n').forEach((line, index) => {
      for (const pattern of worldlyGlobals) {
        const found = pattern.exec(line)
        if (found)
          complaints.push(`${file.path}:${index + 1}: ${found[0].trim()} touches the world; take a port of kernel`)
      }
    })
  }
  return complaints
}

export function checkSizesAndNames(files: readonly SourceFile[]): Complaint[] {
  const complaints: Complaint[] = []
  for (const file of files) {
    if (!file.isTest && file.lines.length > fileLinesMax) {
      complaints.push(`${file.path}: ${file.lines.length} lines, ${fileLinesMax} at most; split it by noun`)
    }
    const base = path.basename(file.path, '.ts').split('.')[0] ?? ''
    if (!file.isTest && emptyNames.has(base)) complaints.push(`${file.path}: a file is named after the one thing in it`)
    if (base !== base.toLowerCase()) complaints.push(`${file.path}: file names are kebab-case`)
    file.lines.forEach((line, index) => {
      if (!file.isTest && line.length > lineColumnsMax && !/https?:|^\s*(?:\*|\/\/)/.test(line)) {
        complaints.push(`${file.path}:${index + 1}: ${line.length} columns, ${lineColumnsMax} at most`)
      }
    })
    if (/(?:@ts-ignore|@ts-nocheck|biome-ignore|eslint-disable)/.test(file.lines.join('\n')) && file.owner !== 'test') {
      complaints.push(`${file.path}: a check is switched off`)
    }
  }
  return complaints
}
