import { Buffer } from 'node:buffer'
import type { AnswerMemory } from '@millrace/protocol/internal'
import type { FramePool } from './frame-pool.ts'

/**
 * What the batches of one answer are read into. It goes back to the pool when the socket has sent them or has closed,
 * or when the answer was given up before any of it was written: never earlier, for a piece that is read into again
 * while it is being sent reaches its client as somebody else's bytes.
 */
export class LentMemory implements AnswerMemory {
  readonly #pool: FramePool
  #taken: Buffer[] = []
  #over = false

  constructor(pool: FramePool) {
    this.#pool = pool
  }

  take(bytes: number): Buffer {
    if (this.#over) return Buffer.allocUnsafeSlow(bytes)
    const buffer = this.#pool.lend(bytes)
    this.#taken.push(buffer)
    return buffer
  }

  reuse(): void {
    for (const buffer of this.#taken) this.#pool.takeBack(buffer)
    this.#taken = []
  }

  /** Nobody looks at what was taken any more. What is taken from now on is not the pool's. */
  readonly giveBack = (): void => {
    this.#over = true
    this.reuse()
  }
}
