import type { Clock, Timer } from '@millrace/kernel'
import type { LogConfig } from './log-config.ts'

const timerMaxMs = 2_147_483_647

/** When a partition is synced whatever the acks (`flush.messages`, `flush.ms`). */
export class FlushRule {
  readonly #clock: Clock
  readonly #sync: () => void
  #timer: Timer | undefined

  /** @param sync asks for one; nobody waits for it */
  constructor(clock: Clock, sync: () => void) {
    this.#clock = clock
    this.#sync = sync
  }

  /** After an append. @param unsynced records that a power cut could take */
  wrote(config: LogConfig, unsynced: number): void {
    const { flushMessages, flushMs } = config
    if (unsynced >= flushMessages) this.#sync()
    if (flushMs > timerMaxMs || this.#timer !== undefined) return
    const due = () => {
      this.#timer = undefined
      this.#sync()
    }
    this.#timer = this.#clock.after(flushMs, due, 'background')
  }

  cancel(): void {
    this.#timer?.cancel()
  }
}
