import fs from 'node:fs'
import path from 'node:path'

/** What a package says of itself. */
export interface Unit {
  readonly name: string
  readonly owner: string
  readonly folder: string
  /** `./src/index.ts`-like paths, from the root, of everything that may be entered from outside. */
  readonly doors: readonly string[]
  readonly dependencies: readonly string[]
}

export function readUnits(root: string): Unit[] {
  const units: Unit[] = []
  for (const group of ['packages', 'connectors', 'examples', 'test']) {
    const folder = path.join(root, group)
    if (!fs.existsSync(folder)) continue
    for (const name of fs.readdirSync(folder)) {
      const manifest = path.join(folder, name, 'package.json')
      if (fs.existsSync(manifest)) units.push(unitOf(`${group}/${name}`, JSON.parse(fs.readFileSync(manifest, 'utf8'))))
    }
  }
  return units
}

function unitOf(folder: string, manifest: unknown): Unit {
  const [group = '', unit = ''] = folder.split('/')
  const doors = texts(field(manifest, 'exports'))
    .filter((target) => target.endsWith('.js'))
    .map((target) => `${folder}/${target.replace('./dist/', 'src/').replace(/\.js$/, '.ts')}`)
  return {
    name: String(field(manifest, 'name')),
    owner: group === 'packages' ? unit : group === 'connectors' ? `connector-${unit}` : group,
    folder,
    doors,
    dependencies: Object.keys(object(field(manifest, 'dependencies'))),
  }
}

function field(value: unknown, name: string): unknown {
  return object(value)[name]
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** Every text in a tree of objects. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Object.values(object(value)).flatMap(texts)
}
