import type { Disk, DiskFile } from '@millrace/kernel'
import type { CommitSteps } from './commit-steps.ts'

/** A disk on which whatever changes what lies below a directory is a step. */
export function steppedDisk(disk: Disk, below: string, steps: CommitSteps): Disk {
  return {
    open(path, mode) {
      const file = disk.open(path, mode)
      return path.startsWith(below) ? steppedFile(file, steps) : file
    },
    rename: (from, to) => steps.aroundNow('rename', () => disk.rename(from, to)),
    syncDirectory: (path) => steps.around('sync of a directory', () => disk.syncDirectory(path)),
    remove: (path) => disk.remove(path),
    removeInBackground: (path) => disk.removeInBackground(path),
    removeTree: (path) => disk.removeTree(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    exists: (path) => disk.exists(path),
    readWhole: (path) => disk.readWhole(path),
    preallocate: (file, size) => disk.preallocate(file, size),
    lockDirectory: (path) => disk.lockDirectory(path),
    space: (path) => disk.space(path),
    descriptorsMax: () => disk.descriptorsMax(),
    bootId: () => disk.bootId(),
  }
}

function steppedFile(file: DiskFile, steps: CommitSteps): DiskFile {
  return {
    path: file.path,
    read: (target, at, length, position) => file.read(target, at, length, position),
    write(source, from, to, position) {
      steps.aroundNow('write', () => file.write(source, from, to, position))
    },
    truncate: (size) => steps.aroundNow('truncate', () => file.truncate(size)),
    sync: () => steps.around('sync', () => file.sync()),
    size: () => file.size(),
    modifiedMs: () => file.modifiedMs(),
    setModifiedMs: (ms) => file.setModifiedMs(ms),
    close: () => file.close(),
  }
}
