import type { Clock, Timer } from '@millrace/kernel'

/** A partition, as far as its producers may be forgotten. */
export interface ExpiringLog {
  /** Forgets producers that wrote last at or before this time and have no transaction open. */
  expireProducers(beforeMs: number): void
}

/** Forgets producers that have not written for a while, now and then (`producer.id.expiration.ms`). */
export class ProducerExpiry {
  readonly #clock: Clock
  readonly #options: { readonly expirationMs: number; readonly checkIntervalMs: number }
  readonly #logs: () => Iterable<ExpiringLog>
  #timer: Timer | undefined

  constructor(
    clock: Clock,
    options: { readonly expirationMs: number; readonly checkIntervalMs: number },
    logs: () => Iterable<ExpiringLog>,
  ) {
    this.#clock = clock
    this.#options = options
    this.#logs = logs
  }

  start(): void {
    this.#timer = this.#clock.after(this.#options.checkIntervalMs, () => this.#check(), 'background')
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #check(): void {
    const beforeMs = this.#clock.nowMs() - this.#options.expirationMs
    for (const log of this.#logs()) log.expireProducers(beforeMs)
    this.start()
  }
}
