import { type Clock, type Disk, type Log, messageOf, type Timer } from '@millrace/kernel'

interface Discarded {
  readonly path: string
  readonly dueMs: number
}

export const deletedSuffix = '.deleted'

/**
 * Files that are no part of a log any more. They keep the name of before with `.deleted` behind it for `file.delete.delay.ms`, as
 * Kafka has it; whatever is left of them goes at the next start.
 */
export class DeletedFiles {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  #waiting: Discarded[] = []
  #timer: Timer | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  #removing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(ports: { readonly disk: Disk; readonly clock: Clock; readonly log: Log }) {
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#log = ports.log
  }

  /**
   * Those that exist get their new name at once. They are removed off the thread, one after the other, so that syncs find a thread of
   * Node's pool free; one that cannot be is logged, and goes at the next start.
   *
   * @throws what the disk throws when one cannot be renamed; others may have been.
   */
  discard(paths: readonly string[], delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs
    for (const path of paths) {
      if (!this.#disk.exists(path)) continue
      this.#disk.rename(path, path + deletedSuffix)
      this.#waiting.push({ path: path + deletedSuffix, dueMs })
    }
    if (delayMs === 0) this.#removeDue()
    else this.#schedule()
  }

  /** Files and directories under names that nobody uses: they go off the thread, or at the next start. */
  remove(paths: readonly string[]): void {
    for (const path of paths) this.#removing = this.#removing.then(() => this.#remove(path))
  }

  /** Nothing more is removed. Resolves when nothing is being removed. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#waiting = []
    this.#closed = true
    await this.#removing
  }

  #schedule(): void {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { dueMs } of this.#waiting) nextMs = Math.min(nextMs, dueMs)
    if (nextMs >= this.#timerDueMs) return
    this.#timer?.cancel()
    this.#timerDueMs = nextMs
    this.#timer = this.#clock.after(
      Math.max(0, nextMs - this.#clock.monotonicMs()),
      () => this.#removeDue(),
      'background',
    )
  }

  #removeDue(): void {
    const nowMs = this.#clock.monotonicMs()
    const due = this.#waiting.filter((each) => each.dueMs <= nowMs)
    this.#waiting = this.#waiting.filter((each) => each.dueMs > nowMs)
    this.#timerDueMs = Number.POSITIVE_INFINITY
    this.remove(due.map(({ path }) => path))
    this.#schedule()
  }

  async #remove(path: string): Promise<void> {
    if (this.#closed) return
    try {
      await this.#disk.removeInBackground(path)
    } catch (error) {
      this.#log.warn('a deleted file stays until the next start', { path, reason: messageOf(error) })
    }
  }
}
