import { type Disk, MillraceError, type Offset, offset } from '@millrace/kernel'
import { formatCheckpoint, readCheckpoint, replaceWhole } from './whole-file.ts'

/** Which leader epoch began at which offset (`leader-epoch-checkpoint`; KIP-101). */
export class EpochCache {
  #entries: { readonly epoch: number; readonly start: number }[] = []
  #changed = false

  get latest(): number | undefined {
    return this.#entries.at(-1)?.epoch
  }

  /** A batch of this epoch stands at `start`. */
  assign(epoch: number, start: number): void {
    const last = this.#entries.at(-1)
    if (last !== undefined && last.epoch >= epoch) return
    // Not pushed: that would make room for sixteen more, and most partitions have one.
    this.#entries = [...this.#entries, { epoch, start }]
    this.#changed = true
  }

  /** The log now ends at `end`. */
  truncateTo(end: number): void {
    while ((this.#entries.at(-1)?.start ?? -1) >= end) {
      this.#entries.pop()
      this.#changed = true
    }
  }

  /** The log now begins at `start`. */
  truncateBefore(start: number): void {
    while ((this.#entries[1]?.start ?? Number.POSITIVE_INFINITY) <= start) {
      this.#entries.shift()
      this.#changed = true
    }
    const first = this.#entries[0]
    if (first === undefined || first.start >= start) return
    this.#entries[0] = { epoch: first.epoch, start }
    this.#changed = true
  }

  /**
   * The largest epoch not above `epoch`, and the offset where the next one began. An epoch older than all that is
   * known ends where the log begins. In a log without a record every epoch ends where it does.
   */
  endOf(epoch: number, logEnd: Offset): { readonly epoch: number; readonly endOffset: Offset } {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i]!
      if (entry.epoch > epoch) continue
      const next = this.#entries[i + 1]
      return { epoch: entry.epoch, endOffset: next === undefined ? logEnd : offset(next.start) }
    }
    const first = this.#entries[0]
    return { epoch, endOffset: first === undefined ? logEnd : offset(first.start) }
  }

  /** The epoch that `at` lies in; undefined before the first. */
  at(at: number): number | undefined {
    return this.#entries.findLast(({ start }) => start <= at)?.epoch
  }

  /** False where there is no file. @throws CORRUPT_FILE; nothing is known then. */
  load(disk: Disk, directory: string): boolean {
    const lines = readCheckpoint(disk, pathIn(directory), 2)
    const entries: { readonly epoch: number; readonly start: number }[] = []
    for (const [epoch, start] of lines ?? []) {
      const entry = { epoch: Number(epoch), start: Number(start) }
      const last = entries.at(-1)
      if (!Number.isSafeInteger(entry.epoch + entry.start) || (last !== undefined && last.epoch >= entry.epoch)) {
        throw new MillraceError('CORRUPT_FILE', 'epochs do not rise', { place: pathIn(directory), value: epoch })
      }
      entries.push(entry)
    }
    this.#entries = [...entries]
    return lines !== undefined
  }

  async save(disk: Disk, directory: string): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    const lines = this.#entries.map((each) => `${each.epoch} ${each.start}`)
    try {
      await replaceWhole(disk, pathIn(directory), formatCheckpoint(lines))
    } catch (error) {
      this.#changed = true
      throw error
    }
  }
}

function pathIn(directory: string): string {
  return `${directory}/leader-epoch-checkpoint`
}
