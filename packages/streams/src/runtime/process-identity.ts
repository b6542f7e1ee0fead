import { Buffer } from 'node:buffer'
import type { Disk, Random } from '@millrace/kernel'

/**
 * An id that stays with a state directory over restarts. Its threads are static members of the group (KIP-345): one
 * that was killed
 * and comes back takes its own place again at once, where an unknown one would wait for the dead member's session to
 * end.
 */
export async function processIdentity(disk: Disk, random: Random, directory: string): Promise<string> {
  const file = `${directory}/process-id`
  const kept = disk.readWhole(file)?.toString('utf8').trim()
  if (kept !== undefined && /^[A-Za-z0-9_-]{22}$/.test(kept)) return kept
  const id = random.uuid()
  disk.makeDirectory(directory)
  const half = disk.open(`${file}.new`, 'open-or-create')
  try {
    const bytes = Buffer.from(`${id}\n`)
    half.truncate(0)
    half.write(bytes, 0, bytes.length, 0)
    await half.sync()
  } finally {
    half.close()
  }
  disk.rename(`${file}.new`, file)
  await disk.syncDirectory(directory)
  return id
}
