import { Buffer } from 'node:buffer'
import * as fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { codeOf, MillraceError } from '../errors.ts'
import type { Disk, DiskFile, DiskLock, OpenMode } from '../ports/disk.ts'
import { descriptorsMax } from './descriptors-max.ts'
import { lockDirectory, readBootId } from './directory-lock.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants
const flags = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  'open-or-create': O_RDWR | O_CREAT,
} as const satisfies Record<OpenMode, number>
/**
 * Where Linux keeps the time of the last read, the first read behind each write would be a change of the inode, which
 * costs as much as the read. Nobody asks for that time.
 */
const unnoted: number = fs.constants.O_NOATIME ?? 0

/** The machine's file system through `node:fs`. */
export function nodeDisk(): Disk {
  return {
    open(path, mode) {
      return naming(path, () => new NodeFile(path, openDescriptor(path, flags[mode])))
    },
    rename(from, to) {
      naming(from, () => fs.renameSync(from, to))
    },
    remove(path) {
      naming(path, () => fs.rmSync(path, { force: true }))
    },
    async removeInBackground(path) {
      try {
        await fs.promises.rm(path, { force: true, recursive: true })
      } catch (error) {
        throw diskError(error, path)
      }
    },
    removeTree(path) {
      naming(path, () => fs.rmSync(path, { force: true, recursive: true }))
    },
    makeDirectory(path) {
      naming(path, () => makeDirectory(path))
    },
    list(path) {
      return missingAs([], path, () => fs.readdirSync(path).sort())
    },
    exists(path) {
      return fs.existsSync(path)
    },
    readWhole(path) {
      return missingAs<Buffer | undefined>(undefined, path, () => fs.readFileSync(path))
    },
    syncDirectory,
    preallocate(file, size) {
      extendWithZeros(file, size)
    },
    lockDirectory(path): DiskLock {
      return naming(path, () => lockDirectory(path))
    },
    space(path) {
      const { bsize, blocks, bavail } = naming(path, () => fs.statfsSync(path))
      return { totalBytes: blocks * bsize, usableBytes: bavail * bsize }
    },
    descriptorsMax: () => descriptorsMax(),
    bootId: () => readBootId(),
  }
}

/**
 * Makes a directory and those above it that are missing. One at a time: Node's recursive form never returns where the
 * system answers that a directory which is there does not exist, as /proc does.
 */
function makeDirectory(path: string): void {
  if (isDirectory(path)) return
  const parent = dirname(resolve(path))
  if (parent !== path) makeDirectory(parent)
  try {
    fs.mkdirSync(path)
  } catch (error) {
    if (isDirectory(path)) return // another process was quicker
    if (codeOf(error) !== 'ENOENT') throw error
    throw new MillraceError('DISK_ERROR', 'no directory can be made here', {
      place: path,
      fix: 'Choose another directory.',
      cause: error,
    })
  }
}

function isDirectory(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function openDescriptor(path: string, mode: number): number {
  if (unnoted === 0) return fs.openSync(path, mode)
  try {
    return fs.openSync(path, mode | unnoted)
  } catch (error) {
    // Only the file's owner may.
    if (codeOf(error) !== 'EPERM') throw error
    return fs.openSync(path, mode)
  }
}

class NodeFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  read(target: Buffer, at: number, length: number, position: number): number {
    try {
      let done = 0
      while (done < length) {
        const got = fs.readSync(this.#descriptor, target, at + done, length - done, position + done)
        if (got === 0) break
        done += got
      }
      return done
    } catch (error) {
      throw diskError(error, this.path)
    }
  }

  write(source: Buffer, from: number, to: number, position: number): void {
    try {
      let at = from
      // A nearly full disk takes a part first and refuses the rest at the next call.
      while (at < to) at += fs.writeSync(this.#descriptor, source, at, to - at, position + at - from)
    } catch (error) {
      throw diskError(error, this.path)
    }
  }

  truncate(size: number): void {
    naming(this.path, () => fs.ftruncateSync(this.#descriptor, size))
  }

  size(): number {
    return naming(this.path, () => fs.fstatSync(this.#descriptor).size)
  }

  modifiedMs(): number {
    return naming(this.path, () => Math.floor(fs.fstatSync(this.#descriptor).mtimeMs))
  }

  setModifiedMs(ms: number): void {
    naming(this.path, () => fs.futimesSync(this.#descriptor, ms / 1000, ms / 1000))
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error ? reject(diskError(error, this.path)) : resolve()))
    })
  }

  close(): void {
    naming(this.path, () => fs.closeSync(this.#descriptor))
  }
}

const zeros = Buffer.alloc(1 << 20)

/**
 * Node has no `fallocate`, and a file grown by `ftruncate` alone is sparse: each later write still needs a block and a
 * journal entry. So zeros are written, which is what makes a later `fdatasync` of the same range cheap.
 */
function extendWithZeros(file: DiskFile, size: number): void {
  for (let at = file.size(); at < size; ) {
    const step = Math.min(zeros.length, size - at)
    file.write(zeros, 0, step, at)
    at += step
  }
}

async function syncDirectory(path: string): Promise<void> {
  let handle: fs.promises.FileHandle | undefined
  try {
    handle = await fs.promises.open(path, 'r')
    await handle.sync()
  } catch (error) {
    // Windows cannot open a directory; its file systems journal names by themselves.
    if (process.platform === 'win32' && ['EPERM', 'EISDIR', 'EACCES'].includes(codeOf(error) ?? '')) return
    throw diskError(error, path)
  } finally {
    await handle?.close()
  }
}

function naming<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw diskError(error, path)
  }
}

function missingAs<T>(absent: T, path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return absent
    throw diskError(error, path)
  }
}

/** Node's error as ours; one that is ours already stays. */
function diskError(error: unknown, path: string): MillraceError {
  if (error instanceof MillraceError) return error
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new MillraceError('DISK_FULL', 'no space is left', {
        place: path,
        fix: 'Free some space on this file system, or move the data directory.',
        cause: error,
      })
    case 'EROFS':
      return new MillraceError('DISK_READ_ONLY', 'the file system is read-only', {
        place: path,
        fix: 'Mount it for writing, or choose a directory on another one.',
        cause: error,
      })
    case 'EMFILE':
    case 'ENFILE':
      return new MillraceError('DISK_ERROR', 'too many files are open', {
        place: path,
        fix: 'Raise the limit (ulimit -n).',
        cause: error,
      })
    case 'ENOTDIR':
    case 'EEXIST':
      return new MillraceError('DISK_ERROR', 'a file is in the way', {
        place: path,
        fix: 'Choose another directory, or move the file away.',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new MillraceError('DISK_READ_ONLY', 'this user may not', {
        place: path,
        fix: 'Choose another directory, or give this user the right to it.',
        cause: error,
      })
    default:
      return new MillraceError('DISK_ERROR', `the disk answered ${codeOf(error) ?? 'an error'}`, {
        place: path,
        cause: error,
      })
  }
}
