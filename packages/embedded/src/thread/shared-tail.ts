import { type Offset, offset } from '@millrace/kernel'
import type { LogTail } from '@millrace/log/internal'

/**
 * The end of one partition, as the engine's thread tells it to all others.
 *
 *    0          4       8         12     16         24              32           40           48            56
 *   +----------+-------+---------+------+----------+---------------+------------+------------+-------------+------------+
 *   | sequence | swaps | waiting | gone | logStart | highWatermark | lastStable | activeBase | activeBytes | abortedEnd |
 *   +----------+-------+---------+------+----------+---------------+------------+------------+-------------+------------+
 *     int32 each                          int64 each
 *
 * A seqlock with one writer: `sequence` is odd while the writer writes, and a reader that saw it odd or changed reads again.
 * `swaps` is odd while files are replaced, and higher after it: open ones are to be opened anew. `waiting` is set by a reader that wants to be told of the next move.
 */
const word = { sequence: 0, swaps: 1, waiting: 2, gone: 3 } as const
const wide = { logStart: 2, highWatermark: 3, lastStable: 4, activeBase: 5, activeBytes: 6, abortedEnd: 7 } as const
const bytes = 64

export interface TailSnapshot {
  readonly logStart: Offset
  readonly highWatermark: Offset
  readonly lastStable: Offset
  readonly activeBase: Offset
  /** Of the active segment, below the high watermark. */
  readonly activeBytes: number
  /** Whoever reads from here on meets no aborted transaction. */
  readonly abortedEnd: Offset
  readonly swaps: number
  /** The partition was deleted. */
  readonly gone: boolean
}

export class SharedTail {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #wide: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(bytes)) {
    this.memory = memory
    this.#words = new Int32Array(memory, 0, 4)
    this.#wide = new BigInt64Array(memory)
  }

  /** Only the engine's thread. Returns whether a reader waits for it. */
  publish(tail: LogTail): boolean {
    Atomics.add(this.#words, word.sequence, 1)
    Atomics.store(this.#wide, wide.logStart, BigInt(tail.logStart))
    Atomics.store(this.#wide, wide.highWatermark, BigInt(tail.highWatermark))
    Atomics.store(this.#wide, wide.lastStable, BigInt(tail.lastStable))
    Atomics.store(this.#wide, wide.activeBase, BigInt(tail.activeBase))
    Atomics.store(this.#wide, wide.activeBytes, BigInt(tail.activeBytes))
    Atomics.store(this.#words, word.swaps, tail.swaps)
    Atomics.store(this.#wide, wide.abortedEnd, BigInt(tail.abortedEnd))
    Atomics.add(this.#words, word.sequence, 1)
    return this.#takeWaiting()
  }

  /** The partition is deleted. Returns whether a reader waits for news. */
  bury(): boolean {
    Atomics.store(this.#words, word.gone, 1)
    return this.#takeWaiting()
  }

  /** To be told of the next move. Look once more after this: what moved before it is not told. */
  wait(): void {
    Atomics.store(this.#words, word.waiting, 1)
  }

  /** As it is now: what was read from files under another number is not to be believed. */
  get swaps(): number {
    return Atomics.load(this.#words, word.swaps)
  }

  read(): TailSnapshot {
    for (;;) {
      const sequence = Atomics.load(this.#words, word.sequence)
      if (sequence % 2 !== 0) continue // written within a microsecond
      const snapshot = {
        logStart: this.#offset(wide.logStart),
        highWatermark: this.#offset(wide.highWatermark),
        lastStable: this.#offset(wide.lastStable),
        activeBase: this.#offset(wide.activeBase),
        activeBytes: Number(Atomics.load(this.#wide, wide.activeBytes)),
        abortedEnd: this.#offset(wide.abortedEnd),
        swaps: Atomics.load(this.#words, word.swaps),
        gone: Atomics.load(this.#words, word.gone) === 1,
      }
      if (Atomics.load(this.#words, word.sequence) === sequence) return snapshot
    }
  }

  #offset(at: number): Offset {
    return offset(Number(Atomics.load(this.#wide, at)))
  }

  #takeWaiting(): boolean {
    return Atomics.load(this.#words, word.waiting) === 1 && Atomics.exchange(this.#words, word.waiting, 0) === 1
  }
}
