import type { Disk, DiskFile, OpenMode } from '@millrace/kernel'
import { SyncGate } from './sync-gate.ts'

/** Syncs at a time: more than any device does at once. */
const syncsMax = 64

interface Pooled {
  readonly file: DiskFile
  /** Syncs under way: such a file is not closed. */
  holds: number
}

/**
 * Open files of all partitions, at most `openMax` (plus those being synced); the one not used for longest is closed.
 * What was written through a closed handle is synced through the next one: `fdatasync` works on the file, not on the
 * handle.
 */
export class FilePool {
  readonly #disk: Disk
  readonly #openMax: number
  readonly #gate: SyncGate
  readonly #files = new Map<string, Pooled>()
  #last: Pooled | undefined

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
    return this.#entry(path, mode).file
  }

  sync(path: string): Promise<void> {
    return this.#gate.run(() => this.#sync(path))
  }

  /** As the disk's, waiting its turn among all syncs. */
  syncDirectory(path: string): Promise<void> {
    return this.#gate.run(() => this.#disk.syncDirectory(path))
  }

  async #sync(path: string): Promise<void> {
    const entry = this.#entry(path, 'write')
    entry.holds++
    try {
      await entry.file.sync()
    } finally {
      entry.holds--
    }
  }

  close(path: string): void {
    const entry = this.#files.get(path)
    if (entry === undefined) return
    this.#files.delete(path)
    if (this.#last === entry) this.#last = undefined
    entry.file.close()
  }

  closeAll(): void {
    for (const path of [...this.#files.keys()]) this.close(path)
  }

  #entry(path: string, mode: OpenMode): Pooled {
    if (this.#last?.file.path === path) return this.#last
    let entry = this.#files.get(path)
    if (entry === undefined) {
      this.#makeRoom()
      entry = { file: this.#disk.open(path, mode), holds: 0 }
    } else this.#files.delete(path)
    this.#files.set(path, entry) // the end of a Map is its most recent
    this.#last = entry
    return entry
  }

  #makeRoom(): void {
    if (this.#files.size < this.#openMax) return
    for (const [path, entry] of this.#files) {
      if (entry.holds > 0) continue
      this.close(path)
      return
    }
  }
}
