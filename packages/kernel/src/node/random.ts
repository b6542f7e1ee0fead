import { randomBytes } from 'node:crypto'
import type { Random } from '../ports/random.ts'
import { kafkaUuid } from '../uuid.ts'

/** `Math.random`, and the operating system's bytes for identifiers and secrets. */
export function nodeRandom(): Random {
  return {
    next: () => Math.random(),
    integer: (limit) => Math.floor(Math.random() * limit),
    uuid: () => kafkaUuid(() => randomBytes(16)),
    bytes: (count) => randomBytes(count),
  }
}
