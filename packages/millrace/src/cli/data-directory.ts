import { resolve } from 'node:path'

/** Where the engine's topics lie in a data directory. */
export function logDirectory(data: string): string {
  return `${resolve(data)}/log`
}
