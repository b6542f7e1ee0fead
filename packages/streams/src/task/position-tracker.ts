import type { Offset } from '@millrace/kernel'

/**
 * The offset of one input partition that may be committed: the lowest that is not finished. Steps that finish a record
 * at once only move `advance`; one that waits for the outside world holds its record until it is through.
 */
export class PositionTracker {
  #next: Offset | undefined
  #leaderEpoch = -1
  #committed: Offset | undefined
  readonly #held = new Map<Offset, number>()

  /** Everything before `next` was handed to the first step. */
  advance(next: Offset, leaderEpoch: number): void {
    this.#next = next
    this.#leaderEpoch = leaderEpoch
  }

  /** As `advance`, where there is nothing to hand on. Whether it moved. */
  passTo(next: Offset, leaderEpoch: number): boolean {
    if (next <= (this.#next ?? this.#committed ?? 0)) return false
    this.advance(next, leaderEpoch)
    return true
  }

  /** The record at `offset` is not finished when its first step returns. */
  hold(offset: Offset): void {
    this.#held.set(offset, (this.#held.get(offset) ?? 0) + 1)
  }

  release(offset: Offset): void {
    const left = (this.#held.get(offset) ?? 1) - 1
    if (left === 0) this.#held.delete(offset)
    else this.#held.set(offset, left)
  }

  /** Undefined before the first record. */
  get lowestUnfinished(): Offset | undefined {
    let lowest = this.#next
    for (const offset of this.#held.keys()) if (lowest === undefined || offset < lowest) lowest = offset
    return lowest
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  /** Moved since the last commit. */
  get changed(): boolean {
    return this.lowestUnfinished !== this.#committed
  }

  /** A commit of this offset went through. */
  committed(offset: Offset): void {
    this.#committed = offset
  }
}
