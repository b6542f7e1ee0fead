import { Buffer } from 'node:buffer'
import type { Random } from '../ports/random.ts'
import { kafkaUuid } from '../uuid.ts'

/** The same seed gives the same numbers, on every machine (mulberry32). Not for secrets. */
export class SimRandom implements Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed | 0
  }

  next(): number {
    return this.#bits() / 0x1_0000_0000
  }

  integer(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  uuid(): string {
    return kafkaUuid(() => {
      const bytes = Buffer.allocUnsafe(16)
      for (let at = 0; at < 16; at += 4) bytes.writeUInt32LE(this.#bits(), at)
      return bytes
    })
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; at++) bytes[at] = this.#bits()
    return bytes
  }

  #bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}
