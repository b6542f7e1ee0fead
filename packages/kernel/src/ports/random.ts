import type { Buffer } from 'node:buffer'

/** Randomness. The simulated one is seeded. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** Whole number in [0, limit). */
  integer(limit: number): number
  /** A version-4 UUID as Kafka writes it: 22 characters of URL-safe base64. */
  uuid(): string
  /** Bytes nobody can guess, for salts, nonces and keys. The simulated ones can be. */
  bytes(count: number): Buffer
}
