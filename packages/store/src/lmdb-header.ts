import { Buffer } from 'node:buffer'
import { type Disk, MillraceError } from '@millrace/kernel'

const MAGIC = 0xbeefc0de
const VERSION = 2
const HEADER_BYTES = 52

/**
 * lmdb ends the process on a file that is not its own, so its two meta pages are looked at first.
 *
 *   page 0 and page 1   24  magic uint32 beefc0de, 28  version uint32, 48  page size uint32; the machine's byte order
 *
 * @throws CORRUPT_FILE naming the file. A missing or empty file is no error: lmdb makes it.
 */
export function checkLmdbHeader(disk: Disk, path: string): void {
  if (!disk.exists(path)) return
  const file = disk.open(path, 'read')
  try {
    const size = file.size()
    if (size === 0) return
    const header = Buffer.alloc(HEADER_BYTES)
    let pageSize = 0
    for (let page = 0; page < 2; page++) {
      const read = file.read(header, 0, HEADER_BYTES, page * pageSize)
      const isMeta = read === HEADER_BYTES && header.readUInt32LE(24) === MAGIC && header.readUInt32LE(28) === VERSION
      if (!isMeta) throw corrupt(path, `page ${page} is not one of lmdb's`)
      pageSize = header.readUInt32LE(48)
    }
    if (size < 2 * pageSize) throw corrupt(path, `${size} bytes are too few`)
  } finally {
    file.close()
  }
}

function corrupt(path: string, problem: string): MillraceError {
  return new MillraceError('CORRUPT_FILE', `not a state file: ${problem}`, {
    place: path,
    fix: 'Remove its directory: its stores are restored from their changelogs.',
  })
}
