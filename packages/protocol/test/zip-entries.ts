import type { Buffer } from 'node:buffer'
import { inflateRawSync } from 'node:zlib'

const endRecordBytes = 22
const endSignature = 0x0605_4b50

/**
 * The files of a zip archive whose names `wanted` accepts (APPNOTE.TXT 4.3: the central directory lies at the end).
 * Enough for a jar: no zip64, no encryption.
 */
export function zipEntries(archive: Buffer, wanted: (name: string) => boolean): Map<string, Buffer> {
  let end = archive.length - endRecordBytes
  while (end >= 0 && archive.readUInt32LE(end) !== endSignature) end--
  if (end < 0) throw new Error('not a zip archive')
  const entries = new Map<string, Buffer>()
  let at = archive.readUInt32LE(end + 16)
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const method = archive.readUInt16LE(at + 10)
    const size = archive.readUInt32LE(at + 20)
    const nameSize = archive.readUInt16LE(at + 28)
    const name = archive.toString('utf8', at + 46, at + 46 + nameSize)
    if (wanted(name)) {
      const local = archive.readUInt32LE(at + 42)
      const from = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      const data = archive.subarray(from, from + size)
      entries.set(name, method === 0 ? data : inflateRawSync(data))
    }
    at += 46 + nameSize + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  return entries
}
