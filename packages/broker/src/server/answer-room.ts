import type { Clock, Timer } from '@millrace/kernel'

/** An answer that lies in memory, as far as its client is to take it. */
export interface AnswerHolder {
  /** When its first bytes were read, by the monotonic clock. */
  readonly sinceMs: number
  /** Ends its connection, which gives the memory back. */
  release(): void
}

/** Half of Java's request.timeout.ms: those who wait for the memory have their answers before they give up. */
const patienceMs = 15_000
const lookMs = 1000

/**
 * What the answers of all connections lie in until they are sent. Each connection has its own bound; a hundred clients
 * that ask for 50 MiB each and never read would take all memory there is. Past the bound a fetch is not read for until
 * some of it is given back. While any waits, an answer that its client has not taken for `patienceMs` costs its
 * connection: the one thing that an honest client with a slow line, and a hundred dishonest ones, do not have in common.
 */
export class AnswerRoom {
  /** Of all answers, fetched or not, that are ready or with a socket. Each connection keeps its share of it. */
  unsentBytes = 0
  readonly #bytesMax: number
  readonly #clock: Clock
  /** In the order in which they were read. */
  readonly #holders = new Set<AnswerHolder>()
  #waiting: (() => void)[] = []
  #look: Timer | undefined
  #bytes = 0

  constructor(bytesMax: number, clock: Clock) {
    this.#bytesMax = bytesMax
    this.#clock = clock
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A connection that has not taken its last answer gets no other. */
  get isFull(): boolean {
    return this.unsentBytes >= this.#bytesMax
  }

  now(): number {
    return this.#clock.monotonicMs()
  }

  enter(holder: AnswerHolder): void {
    this.#holders.add(holder)
  }

  leave(holder: AnswerHolder): void {
    this.#holders.delete(holder)
  }

  /** So many bytes more, or less. */
  changed(bytes: number): void {
    this.#bytes += bytes
    if (bytes > 0 || this.#waiting.length === 0 || this.#bytes >= this.#bytesMax) return
    const waiting = this.#waiting
    this.#waiting = []
    this.#look?.cancel()
    this.#look = undefined
    for (const wake of waiting) wake()
  }

  /** undefined: read on. Else it resolves when to ask again. */
  wait(): Promise<void> | undefined {
    if (this.#bytes < this.#bytesMax) return undefined
    this.#look ??= this.#clock.after(lookMs, () => this.#endStalled(), 'background')
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #endStalled(): void {
    this.#look = undefined
    const oldest = this.now() - patienceMs
    for (const holder of [...this.#holders]) {
      if (holder.sinceMs > oldest) break
      holder.release()
    }
    if (this.#waiting.length > 0) this.#look ??= this.#clock.after(lookMs, () => this.#endStalled(), 'background')
  }
}
