import { Buffer } from 'node:buffer'
import type { Disk, DiskFile } from '@millrace/kernel'
import { unsynced, weakDisk, weakFile } from './weak-disk.ts'
import type { Weakening } from './weakened.ts'

/** With where its histories begin: a rare crash is not searched for in every run. */
interface WeakenedCleaning extends Weakening {
  readonly firstSeed: number
}

/** Cleaning and retention with one of their safeguards taken out. */
export const weakenedCleanings: readonly WeakenedCleaning[] = [
  {
    name: 'no sync of a cleaned segment before it is swapped in',
    firstSeed: 1,
    disk: (disk) => weakDisk(disk, { file: (file) => (file.path.endsWith('.log.cleaned') ? unsynced(file) : file) }),
    options: {},
  },
  {
    name: 'old segments deleted before the rename to .swap is durable',
    firstSeed: 1,
    disk: (disk) => weakDisk(disk, { syncDirectory: (path) => syncUnless(disk, path, hasOldAndSwap) }),
    options: {},
  },
  {
    name: 'the final name given before the old segments are durably gone',
    firstSeed: 1260,
    disk: (disk) => weakDisk(disk, { syncDirectory: (path) => syncUnless(disk, path, hasSwapAlone) }),
    options: {},
  },
  {
    name: 'interrupted swaps ignored at the start',
    firstSeed: 1,
    disk: (disk) => weakDisk(disk, { list: (path) => disk.list(path).filter((name) => !name.endsWith('.swap')) }),
    options: {},
  },
  {
    name: 'segments deleted before the log start is durable',
    firstSeed: 1,
    disk: (disk) => weakDisk(disk, { file: (file) => ahead(file, 'log-start-offset-checkpoint.tmp', -1e9) }),
    options: {},
  },
  {
    name: 'a log start past what was synced',
    firstSeed: 1,
    disk: (disk) => weakDisk(disk, { file: (file) => ahead(file, 'log-start-offset-checkpoint.tmp', 7) }),
    options: {},
  },
]

/** It brings a deleted key back in one history of thousands: see its own. */
export const checkpointAhead: Weakening = {
  name: "a cleaner's checkpoint ahead of the truth",
  disk: (disk) => weakDisk(disk, { file: (file) => ahead(file, 'cleaner-offset-checkpoint.tmp', 8) }),
  options: {},
}

/** The sync between "swap promised" and "old segments gone": both are there. */
function hasOldAndSwap(names: readonly string[]): boolean {
  return names.some((name) => name.endsWith('.log.swap') && names.includes(name.slice(0, -'.swap'.length)))
}

/** The sync between "old segments gone" and "final names": only the `.swap` is there. */
function hasSwapAlone(names: readonly string[]): boolean {
  return names.some((name) => name.endsWith('.log.swap') && !names.includes(name.slice(0, -'.swap'.length)))
}

function syncUnless(disk: Disk, path: string, isLeftOut: (names: readonly string[]) => boolean): Promise<void> {
  return isLeftOut(disk.list(path)) ? Promise.resolve() : disk.syncDirectory(path)
}

/** Every offset of a checkpoint, more by `by`; not below 0. */
function ahead(file: DiskFile, name: string, by: number): DiskFile {
  if (!file.path.endsWith(name)) return file
  return weakFile(file, {
    write: (source, from, to, position) => {
      const text = source.toString('latin1', from, to)
      const moved = text.replaceAll(/ (\d+)$/gm, (_, at: string) => ` ${Math.max(0, Number(at) + by)}`)
      const bytes = Buffer.from(moved, 'latin1')
      // Topic and partition stand on the line as well: only the last number is an offset.
      file.write(bytes, 0, bytes.length, position)
    },
  })
}
