import { expect, test } from 'vitest'
import { lockfileComplaints } from '../src/lockfile.ts'
import { blank, parse } from '../src/source-file.ts'
import { complaintsOf } from '../src/tidy.ts'
import type { Unit } from '../src/workspace.ts'

const unit = (owner: string, doors: readonly string[]): Unit => ({
  name: owner === 'millrace' ? 'millrace' : `@millrace/${owner}`,
  owner,
  folder: `packages/${owner}`,
  doors: doors.map((door) => `packages/${owner}/src/${door}`),
  dependencies: [],
})
const units = [
  unit('kernel', ['index.ts', 'node/index.ts']),
  unit('log', ['index.ts', 'internal.ts']),
  unit('client', ['index.ts']),
]

function complain(path: string, text: string): string[] {
  const doors = units.flatMap((known) => known.doors).map((door) => parse(door, `import '${path}'`))
  return complaintsOf([...doors, parse(path, text)], units).filter(
    (line) => line.includes(path) && !line.includes('leads to'),
  )
}

test('an import along an arrow and through a door passes', () => {
  expect(complain('packages/log/src/a.ts', "import { assert } from '@millrace/kernel'\n")).toEqual([])
})

test('an import against the arrows is named', () => {
  expect(complain('packages/log/src/a.ts', "import type { X } from '@millrace/client'\n")).toEqual([
    'packages/log/src/a.ts: log may not import @millrace/client',
  ])
})

test('a deep import is named', () => {
  expect(complain('packages/log/src/a.ts', "import { x } from '@millrace/kernel/src/units'\n")).toEqual([
    'packages/log/src/a.ts: @millrace/kernel/src/units is not a door of @millrace/kernel',
  ])
})

test.each([['Date.now()'], ['setTimeout(f, 1)'], ['Math.random()'], ['process.env'], ['new Date()']])(
  '%s outside the ports is named, in comments and strings it is not',
  (touch) => {
    expect(complain('packages/log/src/a.ts', `export const x = ${touch}\n`)).toHaveLength(1)
    expect(complain('packages/log/src/a.ts', `// ${touch}\nexport const x = '${touch}'\n/* ${touch} */\n`)).toEqual([])
    expect(complain('packages/kernel/src/node/a.ts', `export const x = ${touch}\n`)).toEqual([])
  },
)

test('a library that the arrow does not name, and a module that touches the world, are named', () => {
  expect(complain('packages/log/src/a.ts', "import fs from 'node:fs'\nimport x from 'rxjs'\n")).toEqual([
    'packages/log/src/a.ts: imports node:fs; law 3 keeps it behind a port of kernel',
    'packages/log/src/a.ts: log may not import the library rxjs',
  ])
})

test('hashes are arithmetic; chance comes through its port', () => {
  expect(complain('packages/log/src/a.ts', "import { createHash } from 'node:crypto'\n")).toEqual([])
  expect(complain('packages/log/src/a.ts', "import { randomBytes } from 'node:crypto'\n")).toHaveLength(1)
})

test('files that are too long, badly named or unreachable, and cycles, are named', () => {
  expect(complain('packages/log/src/utils.ts', 'x\n'.repeat(501))).toHaveLength(2)
  const dead = complaintsOf([parse('packages/log/src/dead.ts', '')], units)
  expect(dead).toEqual(['packages/log/src/dead.ts: nothing leads to this file'])
  const cycle = complaintsOf(
    [parse('packages/log/src/index.ts', "import './b.ts'"), parse('packages/log/src/b.ts', "import './index.ts'")],
    units,
  )
  expect(cycle).toEqual(['packages/log/src/index.ts → packages/log/src/b.ts → packages/log/src/index.ts: a cycle'])
})

test('code inside a template keeps its meaning, its text does not', () => {
  expect(blank('`a ${Date.now()} b`')).toBe('`  ${Date.now()}  `')
  expect(blank('x = /[/"]/.test(y) // "z"')).toBe('x =       .test(y)       ')
})

test('a lockfile without an optional package of some platform, and one with a registry, are named', () => {
  const entry = { optionalDependencies: { '@a/linux': '1.0.0', '@a/darwin': '1.0.0' } }
  const lock = {
    packages: { 'node_modules/a': entry, 'node_modules/@a/linux': { resolved: 'https://example.org/a.tgz' } },
  }
  expect(lockfileComplaints(lock)).toEqual([
    'package-lock.json: @a/darwin@1.0.0 of node_modules/a is missing; add its entry by hand',
    "package-lock.json: node_modules/@a/linux names a registry's host; set omit-lockfile-registry-resolved in .npmrc",
  ])
})
