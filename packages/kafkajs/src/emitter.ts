import type { Clock } from '@millrace/kernel'
import { KafkaJSNonRetriableError } from './errors.ts'
import type { InstrumentationEvent } from './events.ts'
import type { Logger } from './logger.ts'

type Listener = (event: InstrumentationEvent<never>) => unknown

let eventIds = 0

/** Listeners by event. An event that nobody listens to is not even made. */
export class Emitter {
  readonly #owner: string
  readonly #names: readonly string[]
  readonly #keys: readonly string[]
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #logger: Logger
  readonly #listeners = new Map<string, Set<{ readonly call: Listener }>>()

  constructor(owner: string, events: Readonly<Record<string, string>>, clock: Pick<Clock, 'nowMs'>, logger: Logger) {
    this.#owner = owner
    this.#names = Object.values(events)
    this.#keys = Object.keys(events)
    this.#clock = clock
    this.#logger = logger
  }

  /** @throws KafkaJSNonRetriableError for an event that there is not. */
  on(name: string, call: Listener): () => void {
    if (!this.#names.includes(name)) {
      const keys = this.#keys.map((key) => `${this.#owner}.events.${key}`).join(', ')
      throw new KafkaJSNonRetriableError(`Event name should be one of ${keys}`)
    }
    const entry = { call }
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(entry))
    return () => listeners.delete(entry)
  }

  has(name: string): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** A listener that fails is logged, and stops nothing. */
  emit(name: string, payload: unknown): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined || listeners.size === 0) return
    const event = { id: `${eventIds++}`, type: name, timestamp: this.#clock.nowMs(), payload }
    for (const { call } of [...listeners]) this.#tell(name, call, event)
  }

  async #tell(name: string, call: Listener, event: object): Promise<void> {
    try {
      await call(event as InstrumentationEvent<never>)
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      this.#logger.error(`Failed to execute listener: ${message}`, { eventName: name, stack })
    }
  }
}
