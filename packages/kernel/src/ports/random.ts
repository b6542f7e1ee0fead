/** Randomness. The simulated one is seeded. */
export interface Random {
  /** In [0, 1). */
  next(): number
  /** Whole number in [0, limit). */
  integer(limit: number): number
  /** A version-4 UUID as Kafka writes it: 22 characters of URL-safe base64. */
  uuid(): string
}
