import { codeOf, type Disk } from '@millrace/kernel'

/** A directory of somebody else, or of a file system that has no such sync: its names are not ours to make durable. */
const notOurs: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP', 'EROFS'])

/**
 * Makes a directory with its parents, and the name of each of them durable. Also of those that exist: whoever made
 * them (a process that died, a script) may not have synced them, and with a name everything below it is lost.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const ancestors = ancestorsOf(path)
  const existing = new Set([path, ...ancestors].filter((each) => disk.exists(each)))
  disk.makeDirectory(path)
  let child = path
  for (const ancestor of ancestors) {
    try {
      await disk.syncDirectory(ancestor)
    } catch (error) {
      const refusal = error instanceof Error ? codeOf(error.cause) : undefined
      if (!existing.has(child) || !notOurs.has(refusal)) throw error
    }
    child = ancestor
  }
}

/** Of an absolute path, from the parent to the root. */
function ancestorsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '')
  return names.map((_, i) => `/${names.slice(0, names.length - 1 - i).join('/')}`)
}
