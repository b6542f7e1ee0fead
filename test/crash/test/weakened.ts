import { Buffer } from 'node:buffer'
import type { Disk, DiskFile } from '@millrace/kernel'
import { type LogDirectoryOptions, recoveryChecks } from '@millrace/log/internal'
import { type BatchPlace, batchField, crc32c, openBatch, type ValidBatch } from '@millrace/record/internal'

/** A log with one of its safeguards taken out, to see that the suite notices. */
export interface Weakening {
  readonly name: string
  readonly disk: (disk: Disk) => Disk
  readonly options: LogDirectoryOptions
}

const same = (disk: Disk): Disk => disk

export const intact: Weakening = { name: 'intact', disk: same, options: {} }

export const weakenings: readonly Weakening[] = [
  { name: 'no fdatasync', disk: (disk) => forwarding(disk, { files: 'unsynced' }), options: {} },
  { name: 'no directory sync', disk: (disk) => forwarding(disk, { directories: 'unsynced' }), options: {} },
  { name: 'no CRC in recovery', disk: same, options: { checks: { ...recoveryChecks, openBatch: openUnchecked } } },
  { name: 'index trusted', disk: same, options: { checks: { ...recoveryChecks, index: 'trust' } } },
  { name: 'acknowledged before synced', disk: same, options: { syncAcksAll: false } },
]

function forwarding(disk: Disk, without: { files?: 'unsynced'; directories?: 'unsynced' }): Disk {
  const unsynced = (file: DiskFile): DiskFile => ({
    path: file.path,
    read: (target, at, length, position) => file.read(target, at, length, position),
    write: (source, from, to, position) => file.write(source, from, to, position),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    modifiedMs: () => file.modifiedMs(),
    setModifiedMs: (ms) => file.setModifiedMs(ms),
    sync: () => Promise.resolve(),
    close: () => file.close(),
  })
  return {
    open: (path, mode) => (without.files ? unsynced(disk.open(path, mode)) : disk.open(path, mode)),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    removeTree: (path) => disk.removeTree(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    exists: (path) => disk.exists(path),
    readWhole: (path) => disk.readWhole(path),
    syncDirectory: (path) => (without.directories ? Promise.resolve() : disk.syncDirectory(path)),
    preallocate: (file, size) => disk.preallocate(file, size),
    lockDirectory: (path) => disk.lockDirectory(path),
    bootId: () => disk.bootId(),
  }
}

/** The door with its checksum always right. */
function openUnchecked(bytes: Buffer, from: number, to: number, place: BatchPlace): ValidBatch {
  const blessed = Buffer.from(bytes.subarray(from, to))
  if (blessed.length > batchField.attributes) {
    blessed.writeUInt32BE(crc32c(blessed.subarray(batchField.attributes)), batchField.crc)
  }
  return openBatch(blessed, 0, blessed.length, place)
}
