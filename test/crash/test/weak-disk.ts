import type { Disk, DiskFile } from '@millrace/kernel'

/** What is different about a disk. What is left out is as it was. */
export interface Weakness {
  readonly file?: (file: DiskFile) => DiskFile
  readonly syncDirectory?: (path: string) => Promise<void>
  readonly list?: (path: string) => string[]
}

export function weakDisk(disk: Disk, weakness: Weakness): Disk {
  return {
    open: (path, mode) => weakness.file?.(disk.open(path, mode)) ?? disk.open(path, mode),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    removeInBackground: (path) => disk.removeInBackground(path),
    removeTree: (path) => disk.removeTree(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => weakness.list?.(path) ?? disk.list(path),
    exists: (path) => disk.exists(path),
    readWhole: (path) => disk.readWhole(path),
    syncDirectory: (path) => weakness.syncDirectory?.(path) ?? disk.syncDirectory(path),
    preallocate: (file, size) => disk.preallocate(file, size),
    lockDirectory: (path) => disk.lockDirectory(path),
    space: (path) => disk.space(path),
    descriptorsMax: () => disk.descriptorsMax(),
    bootId: () => disk.bootId(),
  }
}

/** A file of which some calls are other ones. */
export function weakFile(file: DiskFile, other: Partial<DiskFile>): DiskFile {
  return {
    path: file.path,
    read: (target, at, length, position) => file.read(target, at, length, position),
    write: (source, from, to, position) => file.write(source, from, to, position),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    modifiedMs: () => file.modifiedMs(),
    setModifiedMs: (ms) => file.setModifiedMs(ms),
    sync: () => file.sync(),
    close: () => file.close(),
    ...other,
  }
}

export function unsynced(file: DiskFile): DiskFile {
  return weakFile(file, { sync: () => Promise.resolve() })
}
