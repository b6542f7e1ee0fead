import type { Disk, DiskFile, OpenMode } from '@millrace/kernel'
import { SyncGate } from './sync-gate.ts'

/** Syncs at a time: more than any device does at once. */
const syncsMax = 64

/** A file of the pool. Whoever keeps one looks whether it is still open, and says that it was used. */
export interface PooledFile {
  /** undefined once the pool has closed it. */
  file: DiskFile | undefined
  /** Again, since it was opened or the pool last looked for one to close. */
  used: boolean
  /** Syncs under way: such a file is not closed. */
  holds: number
}

/**
 * Open files of all partitions, at most `openMax` (plus those being synced). Where there is no room, one is closed that was not
 * used since the last look at it ("second chance"): nearly the one not used for longest, without a list to keep in order at each use.
 * What was written through a closed handle is synced through the next one: `fdatasync` works on the file, not on the
 * handle.
 */
export class FilePool {
  readonly #disk: Disk
  readonly #openMax: number
  readonly #gate: SyncGate
  readonly #files = new Map<string, PooledFile>()

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk
    this.#openMax = openMax
    this.#gate = new SyncGate(Math.min(syncsMax, openMax >> 1))
  }

  get size(): number {
    return this.#files.size
  }

  /** Borrowed: valid until the next call. */
  use(path: string, mode: OpenMode = 'write'): DiskFile {
    return this.entry(path, mode).file!
  }

  /** Open until the next call; later its `file` may be undefined. */
  entry(path: string, mode: OpenMode = 'write'): PooledFile {
    const known = this.#files.get(path)
    if (known !== undefined) {
      known.used = true
      return known
    }
    if (this.#files.size >= this.#openMax) this.#makeRoom()
    const opened: PooledFile = { file: this.#disk.open(path, mode), used: false, holds: 0 }
    this.#files.set(path, opened)
    return opened
  }

  sync(path: string): Promise<void> {
    return this.#gate.run(() => this.#sync(path))
  }

  /** As the disk's, waiting its turn among all syncs. */
  syncDirectory(path: string): Promise<void> {
    return this.#gate.run(() => this.#disk.syncDirectory(path))
  }

  async #sync(path: string): Promise<void> {
    const entry = this.entry(path)
    entry.holds++
    try {
      await entry.file!.sync()
    } finally {
      entry.holds--
    }
  }

  close(path: string): void {
    const entry = this.#files.get(path)
    if (entry === undefined) return
    this.#files.delete(path)
    const { file } = entry
    entry.file = undefined
    file?.close()
  }

  /** Those that stand in one of these directories. Looks at all. */
  closeIn(directories: ReadonlySet<string>): void {
    for (const path of [...this.#files.keys()]) {
      if (directories.has(path.slice(0, path.lastIndexOf('/')))) this.close(path)
    }
  }

  closeAll(): void {
    for (const path of [...this.#files.keys()]) this.close(path)
  }

  /** Twice around at most: the first time may only take the marks off. */
  #makeRoom(): void {
    let looks = this.#files.size * 2
    for (const [path, entry] of this.#files) {
      if (looks-- === 0) return
      if (entry.holds === 0 && !entry.used) {
        this.close(path)
        return
      }
      entry.used = false
      // The end of a Map is looked at last.
      this.#files.delete(path)
      this.#files.set(path, entry)
    }
  }
}
