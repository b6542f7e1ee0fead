import { Buffer } from 'node:buffer'
import { type Disk, MillraceError } from '@millrace/kernel'

/**
 * Replaces a small file so that after a crash either the old or the new contents are there: temporary, sync, rename,
 * directory sync.
 */
export async function replaceWhole(disk: Disk, path: string, contents: string | Buffer): Promise<void> {
  const temporary = `${path}.tmp`
  const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents
  const file = disk.open(temporary, 'open-or-create')
  try {
    file.truncate(0)
    file.write(bytes, 0, bytes.length, 0)
    await file.sync()
  } finally {
    file.close()
  }
  disk.rename(temporary, path)
  await disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

/** Kafka's checkpoint files: `<version>`, the number of lines, then one line an entry. */
export function formatCheckpoint(lines: readonly string[]): string {
  return `0\n${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`
}

/** Fields of each line; undefined where there is no file. @throws CORRUPT_FILE naming the line. */
export function readCheckpoint(disk: Disk, path: string, fields: number): string[][] | undefined {
  const text = disk.readWhole(path)?.toString('latin1')
  if (text === undefined) return undefined
  const [version, count, ...lines] = text.split('\n')
  if (version !== '0') throw corrupt(path, 1, `version ${version} is unknown`)
  const entries = lines.filter((line) => line !== '').map((line) => line.split(' '))
  if (String(entries.length) !== count) throw corrupt(path, 2, `it says ${count} entries and has ${entries.length}`)
  entries.forEach((entry, i) => {
    if (entry.length !== fields) throw corrupt(path, i + 3, `it has ${entry.length} fields, not ${fields}`)
  })
  return entries
}

function corrupt(path: string, line: number, problem: string): MillraceError {
  return new MillraceError('CORRUPT_FILE', problem, { place: `${path}:${line}` })
}
