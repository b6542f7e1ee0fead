import fs from 'node:fs'

const folder = new URL('../results/', import.meta.url)

/** What was measured last under this name; undefined where nothing was. */
export function readResults<T>(name: string): T | undefined {
  const file = new URL(`${name}.json`, folder)
  if (!fs.existsSync(file)) return undefined
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}

export function writeResults(name: string, results: object): void {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(results, undefined, 2)}\n`)
}
