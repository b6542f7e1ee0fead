import { Buffer } from 'node:buffer'
import type { AnswerMemory } from '@millrace/protocol/internal'
import type { AnswerHolder, AnswerRoom } from './answer-room.ts'
import type { FramePool } from './frame-pool.ts'

/**
 * What the batches of one answer are read into. It goes back to the pool when the socket has sent them or has closed,
 * or when the answer was given up before any of it was written: never earlier, for a piece that is read into again
 * while it is being sent reaches its client as somebody else's bytes.
 */
export class LentMemory implements AnswerMemory, AnswerHolder {
  sinceMs = 0
  readonly lender: FramePool
  readonly #room: AnswerRoom
  readonly #endConnection: () => void
  #taken: Buffer[] = []
  #bytes = 0
  #over = false
  #sent: (() => void) | undefined

  /** @param endConnection when the answer was not taken for too long, and others wait for its memory */
  constructor(lender: FramePool, room: AnswerRoom, endConnection: () => void) {
    this.lender = lender
    this.#room = room
    this.#endConnection = endConnection
  }

  room(): Promise<void> | undefined {
    return this.#over ? undefined : this.#room.wait()
  }

  take(bytes: number): Buffer {
    if (this.#over) return Buffer.allocUnsafeSlow(bytes)
    const buffer = this.lender.lend(bytes)
    this.include(buffer)
    return buffer
  }

  include(lent: Buffer): void {
    if (this.#taken.length === 0) {
      this.sinceMs = this.#room.now()
      this.#room.enter(this)
    }
    this.#taken.push(lent)
    this.#bytes += lent.length
    this.#room.changed(lent.length)
  }

  whenSent(callback: () => void): void {
    this.#sent = callback
  }

  reuse(): void {
    if (this.#taken.length === 0) return
    for (const buffer of this.#taken) this.lender.takeBack(buffer)
    this.#taken = []
    this.#room.leave(this)
    const bytes = this.#bytes
    this.#bytes = 0
    this.#room.changed(-bytes)
  }

  release(): void {
    this.#endConnection()
  }

  /** Nobody looks at what was taken any more. What is taken from now on is not the pool's. */
  readonly giveBack = (): void => {
    this.#over = true
    this.reuse()
    this.#sent?.()
    this.#sent = undefined
  }
}
