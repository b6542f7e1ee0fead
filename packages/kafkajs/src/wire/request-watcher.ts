import type { Connection } from '@millrace/client/internal'
import { type Clock, codeOf } from '@millrace/kernel'
import type { Emitter } from '../emitter.ts'
import type { NetworkEventMap } from '../events.ts'
import type { AnswerHooks, Exchange, WireWatcher } from './observed-transport.ts'

/** Tells listeners of requests, of those that were not answered in time, and of how many wait. */
export class RequestWatcher implements WireWatcher {
  readonly hooks: AnswerHooks = {}
  protected readonly emitter: Emitter
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #events: NetworkEventMap<string>
  readonly #clientId: string
  readonly #waiting = new WeakMap<Connection, number>()

  constructor(emitter: Emitter, clock: Pick<Clock, 'nowMs'>, events: NetworkEventMap<string>, clientId: string) {
    this.emitter = emitter
    this.#clock = clock
    this.#events = events
    this.#clientId = clientId
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  sent(exchange: Exchange): void {
    this.#count(exchange.connection, 1)
  }

  answered(exchange: Exchange): void {
    this.#count(exchange.connection, -1)
    if (!this.emitter.has(this.#events.REQUEST)) return
    const duration = this.nowMs() - exchange.startedAtMs
    this.emitter.emit(this.#events.REQUEST, { ...this.#facts(exchange), duration, size: 0 })
  }

  failed(exchange: Exchange, error: unknown): void {
    this.#count(exchange.connection, -1)
    if (codeOf(error) !== 'REQUEST_TIMED_OUT') return
    this.emitter.emit(this.#events.REQUEST_TIMEOUT, this.#facts(exchange))
  }

  #facts({ api, connection, versions: spoken, startedAtMs, correlationId }: Exchange) {
    const { key, versions } = spoken
    return {
      apiKey: key,
      apiName: `${api.charAt(0).toUpperCase()}${api.slice(1)}`,
      apiVersion: Math.min(versions.max, connection.apiVersions.get(key)?.max ?? versions.max),
      broker: `${connection.node.host}:${connection.node.port}`,
      clientId: this.#clientId,
      correlationId,
      createdAt: startedAtMs,
      sentAt: startedAtMs,
      pendingDuration: 0,
    }
  }

  #count(connection: Connection, change: number): void {
    if (!this.emitter.has(this.#events.REQUEST_QUEUE_SIZE)) return
    const queueSize = Math.max(0, (this.#waiting.get(connection) ?? 0) + change)
    this.#waiting.set(connection, queueSize)
    const broker = `${connection.node.host}:${connection.node.port}`
    this.emitter.emit(this.#events.REQUEST_QUEUE_SIZE, { broker, clientId: this.#clientId, queueSize })
  }
}
