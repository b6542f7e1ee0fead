import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { codeOf, MillraceError, nearest } from '@millrace/kernel'
import { loadTopology, type Topology } from '@millrace/streams/internal'

/** A topology of the user, and where threads find it again. */
export interface UserTopology {
  readonly topology: Topology
  readonly url: URL
}

/** Flags of Node for the threads that import it. */
export const userModuleFlags: readonly string[] = ['--import', new URL('./user-modules.js', import.meta.url).href]

/**
 * @param file as typed, from the working directory
 * @throws CONFIG for a file that is not there, that exports no topology under the name, or whose code fails
 */
export async function loadUserTopology(file: string, exportName: string): Promise<UserTopology> {
  const path = resolve(file)
  if (!existsSync(path)) {
    throw new MillraceError('CONFIG', 'there is no such file', { place: file, fix: `Looked for ${path}.` })
  }
  await import('./user-modules.ts')
  const url = pathToFileURL(path)
  const exports = await importing(file, url)
  if (!exports.includes(exportName)) {
    const near = nearest(exportName, exports) ?? exports[0]
    const fix = near === undefined ? 'Export what defineTopology returns.' : `It exports ${exports.join(', ')}.`
    throw new MillraceError('CONFIG', `exports nothing as ${exportName}`, { place: file, fix: `${fix}${say(near)}` })
  }
  return { topology: await loadTopology({ url: url.href, exportName }), url }
}

function say(near: string | undefined): string {
  return near === undefined || near === 'default' ? '' : ` Did you mean --export ${near}?`
}

/** The names it exports. Whatever its code throws is told with the place where it was thrown. */
async function importing(file: string, url: URL): Promise<readonly string[]> {
  try {
    const exports: unknown = await import(url.href)
    return typeof exports === 'object' && exports !== null ? Object.keys(exports) : []
  } catch (cause) {
    if (cause instanceof MillraceError || codeOf(cause) === 'CONFIG') throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MillraceError('USER_CODE', `cannot be imported: ${reason}`, { place: placeOf(cause) ?? file, cause })
  }
}

const ownFolder = dirname(fileURLToPath(import.meta.url))

/** The first place in the stack that is the user's. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const places = (error.stack ?? '').matchAll(/(?:file:\/\/)?((?:[A-Za-z]:)?[/\\][^():]*\.\w+:\d+(?::\d+)?)/g)
  return [...places].map(([, place = '']) => place).find((place) => !isOurs(place))
}

function isOurs(place: string): boolean {
  return place.startsWith(ownFolder) || /[/\\]node_modules[/\\]/.test(place)
}
