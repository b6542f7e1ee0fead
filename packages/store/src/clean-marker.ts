import { Buffer } from 'node:buffer'
import type { Disk } from '@millrace/kernel'

const MARKER_FILE = 'boot'

/**
 * Tells whether state that is never synced may be believed: yes while the machine has not been restarted, and after
 * it when the state was
 * closed, and synced, by a clean end. A small file `boot`: `<boot id> open` or `<boot id> clean`.
 *
 * `begin` starts the sync of its mark and does not wait; pages written in the milliseconds before it is durable are
 * the one gap.
 */
export class CleanMarker {
  readonly #disk: Disk
  readonly #directory: string
  #failure: unknown
  #syncing: Promise<void> = Promise.resolve()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  isTrustworthy(): boolean {
    const [boot, state] = (this.#disk.readWhole(this.#path)?.toString() ?? '').split(' ')
    return state === 'clean' || (state === 'open' && boot === this.#disk.bootId())
  }

  begin(): void {
    this.#syncing = this.#write('open').catch((failure) => {
      this.#failure = failure
    })
  }

  /** @throws what made `begin` fail. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Syncs the state file, then marks it clean. */
  async end(stateFile: string): Promise<void> {
    await this.#syncing
    this.check()
    const file = this.#disk.open(stateFile, 'write')
    try {
      await file.sync()
    } finally {
      file.close()
    }
    await this.#write('clean')
  }

  async #write(state: 'open' | 'clean'): Promise<void> {
    const file = this.#disk.open(this.#path, 'open-or-create')
    try {
      const text = Buffer.from(`${this.#disk.bootId()} ${state}`)
      file.truncate(0)
      file.write(text, 0, text.length, 0)
      await file.sync()
      await this.#disk.syncDirectory(this.#directory)
    } finally {
      file.close()
    }
  }

  get #path(): string {
    return `${this.#directory}/${MARKER_FILE}`
  }
}
