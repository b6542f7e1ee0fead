import { Buffer } from 'node:buffer'
import type { Disk } from '@millrace/kernel'
import { type LogDirectoryOptions, recoveryChecks } from '@millrace/log/internal'
import { type BatchPlace, batchField, crc32c, openBatch, type ValidBatch } from '@millrace/record/internal'
import { unsynced, weakDisk } from './weak-disk.ts'

/** A log with one of its safeguards taken out, to see that the suite notices. */
export interface Weakening {
  readonly name: string
  readonly disk: (disk: Disk) => Disk
  readonly options: LogDirectoryOptions
}

const same = (disk: Disk): Disk => disk

export const intact: Weakening = { name: 'intact', disk: same, options: {} }

export const weakenings: readonly Weakening[] = [
  { name: 'no fdatasync', disk: (disk) => weakDisk(disk, { file: unsynced }), options: {} },
  { name: 'no directory sync', disk: (disk) => weakDisk(disk, { syncDirectory: async () => {} }), options: {} },
  { name: 'no CRC in recovery', disk: same, options: { checks: { ...recoveryChecks, openBatch: openUnchecked } } },
  { name: 'index trusted', disk: same, options: { checks: { ...recoveryChecks, index: 'trust' } } },
  { name: 'acknowledged before synced', disk: same, options: { syncAcksAll: false } },
]

/** The door with its checksum always right. */
function openUnchecked(bytes: Buffer, from: number, to: number, place: BatchPlace): ValidBatch {
  const blessed = Buffer.from(bytes.subarray(from, to))
  if (blessed.length > batchField.attributes) {
    blessed.writeUInt32BE(crc32c(blessed.subarray(batchField.attributes)), batchField.crc)
  }
  return openBatch(blessed, 0, blessed.length, place)
}
