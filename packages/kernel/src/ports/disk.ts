import type { Buffer } from 'node:buffer'

/**
 * `read`: must exist. `write`: read and write, must exist. `create`: read and write, must not exist.
 * `open-or-create`: read and write, made empty where missing.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'open-or-create'

/**
 * An open file. Positions are explicit: there is no cursor. Read, write and truncate are synchronous (the page cache
 * answers); only `sync` waits for the device.
 */
export interface DiskFile {
  readonly path: string
  /** Reads up to `length` bytes into `target` at `at`. Returns how many came: fewer only at the end of the file. */
  read(target: Buffer, at: number, length: number, position: number): number
  /**
   * Writes all of `source[from, to)` at `position`. @throws DISK_FULL, DISK_READ_ONLY or DISK_ERROR; how much was
   * written is then unknown.
   */
  write(source: Buffer, from: number, to: number, position: number): void
  truncate(size: number): void
  size(): number
  /** When its contents last changed, milliseconds since 1970. */
  modifiedMs(): number
  /** Makes `modifiedMs` answer with `ms`, for a file that takes the place of an older one. */
  setModifiedMs(ms: number): void
  /**
   * Makes what was written before the call survive a power cut (`fdatasync`). After a rejection the file's contents
   * are unknown: never retry, give the file up.
   */
  sync(): Promise<void>
  close(): void
}

/** An exclusive hold on a directory. Ends with `release` or with the process, however it ends. */
export interface DiskLock {
  release(): void
}

/** What the volume of a path has. Some file systems change it as they like: it is information, not a promise. */
export interface VolumeSpace {
  readonly totalBytes: number
  /** What this process may still use. */
  readonly usableBytes: number
}

/**
 * The file system. Names are made durable by `syncDirectory`, contents by `DiskFile.sync`; neither implies the other.
 * Errors are `MillraceError`s: DISK_FULL, DISK_READ_ONLY, DISK_ERROR (with Node's error as cause). Paths are absolute.
 */
export interface Disk {
  open(path: string, mode: OpenMode): DiskFile
  /** Atomic within a file system; an existing target is replaced. Durable after `syncDirectory` of the parent. */
  rename(from: string, to: string): void
  /** Removes a small file. A missing one is no error. */
  remove(path: string): void
  /**
   * Removes a file, or a directory with all in it, off the thread: to free the blocks of a gigabyte takes tens of milliseconds. When
   * its name goes is not said; it is gone when the promise resolves. A missing one is no error.
   */
  removeInBackground(path: string): Promise<void>
  /** Removes a directory with all in it. A missing one is no error. */
  removeTree(path: string): void
  /** Makes a directory and its parents; existing is no error. */
  makeDirectory(path: string): void
  /** Names in a directory, sorted. A missing directory has none. */
  list(path: string): string[]
  exists(path: string): boolean
  /** Whole small file; undefined where missing. */
  readWhole(path: string): Buffer | undefined
  /** Makes names created, renamed or removed in a directory survive a power cut. */
  syncDirectory(path: string): Promise<void>
  /** Reserves room so that later writes below `size` need no new blocks; contents past the old end read as zeros. */
  preallocate(file: DiskFile, size: number): void
  /**
   * @throws DIRECTORY_IN_USE naming the holder's pid when another living process (or another holder in this one) has
   * it.
   */
  lockDirectory(path: string): DiskLock
  /** Of the volume that holds `path`, which must exist. */
  space(path: string): VolumeSpace
  /** How many files and sockets this process may have open at once; undefined where the machine does not say. */
  descriptorsMax(): number | undefined
  /** Changes at each boot of the machine, so that state written unsynced before a power cut can be told. */
  bootId(): string
}
