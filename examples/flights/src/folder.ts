import fs from 'node:fs'
import path from 'node:path'

/**
 * Makes the folder that an option names, and those above it. One at a time: Node's recursive `mkdir` never returns in
 * places as /proc, where a folder that is there is answered to be missing.
 *
 * @throws an error that names the option.
 */
export function makeFolder(option: string, folder: string): void {
  const missing: string[] = []
  for (let at = folder; !fs.existsSync(at); at = path.dirname(at)) missing.unshift(at)
  try {
    for (const one of missing) fs.mkdirSync(one)
    fs.accessSync(folder, fs.constants.W_OK)
  } catch (error) {
    throw new Error(
      `${option}: ${error instanceof Error ? error.message : error}. Name a folder that you may write to.`,
    )
  }
}
