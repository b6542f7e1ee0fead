/** A connection, as far as its requests take memory. */
export interface RequestHolder {
  /** Of requests that are read and not answered, and of one that has begun to come. */
  readonly requestBytes: number
  /** Gives all of it back, and ends. */
  release(): void
}

/**
 * What the requests of all connections take together. Each has its own bound; a thousand of them at theirs would take
 * all memory there is. Past the bound the connection that holds the most is ended: one that sends a large request and
 * never its end comes before those that wait for answers to small ones.
 */
export class RequestMemory {
  readonly #bytesMax: number
  readonly #holders = new Set<RequestHolder>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  enter(holder: RequestHolder): void {
    this.#holders.add(holder)
  }

  leave(holder: RequestHolder): void {
    this.#holders.delete(holder)
  }

  /** A holder has so many bytes more, or less. */
  changed(bytes: number): void {
    this.#bytes += bytes
    while (this.#bytes > this.#bytesMax) {
      let largest: RequestHolder | undefined
      for (const holder of this.#holders) {
        if (largest === undefined || holder.requestBytes > largest.requestBytes) largest = holder
      }
      if (largest === undefined) return
      largest.release()
      this.#holders.delete(largest)
    }
  }
}
