import type { Buffer } from 'node:buffer'
import type { Clock, Timer } from '@millrace/kernel'

/** A request on its way. */
export interface OutstandingRequest {
  readonly correlationId: number
  /** For error messages: `fetch v12`. */
  readonly label: string
  readonly size: number
  readonly deadlineMs: number
  answered(frame: Buffer): void
  failed(error: Error): void
}

/**
 * The requests of one connection that wait for their answers, in the order they were sent. One timer watches them all:
 * it is set for the earliest deadline and not touched when an answer comes in time.
 */
export class Outstanding {
  readonly #clock: Clock
  readonly #expired: (request: OutstandingRequest) => void
  readonly #requests: OutstandingRequest[] = []
  #bytes = 0
  #timer: Timer | undefined
  #timerMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock, expired: (request: OutstandingRequest) => void) {
    this.#clock = clock
    this.#expired = expired
  }

  /** Bytes of all requests that wait. */
  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#requests.length
  }

  push(request: OutstandingRequest): void {
    this.#requests.push(request)
    this.#bytes += request.size
    if (request.deadlineMs < this.#timerMs) this.#watch(request.deadlineMs)
  }

  /** The request whose answer comes next. */
  shift(): OutstandingRequest | undefined {
    const request = this.#requests.shift()
    if (request !== undefined) this.#bytes -= request.size
    return request
  }

  failAll(error: (request: OutstandingRequest) => Error): void {
    this.#timer?.cancel()
    this.#bytes = 0
    for (const request of this.#requests.splice(0)) request.failed(error(request))
  }

  #watch(deadlineMs: number): void {
    this.#timer?.cancel()
    this.#timerMs = deadlineMs
    const delayMs = Math.max(1, Math.ceil(deadlineMs - this.#clock.monotonicMs()))
    this.#timer = this.#clock.after(delayMs, () => this.#check(), 'background')
  }

  #check(): void {
    this.#timerMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.monotonicMs()
    const late = this.#requests.find((request) => request.deadlineMs <= nowMs)
    if (late !== undefined) {
      this.#expired(late)
      return
    }
    let next = Number.POSITIVE_INFINITY
    for (const request of this.#requests) next = Math.min(next, request.deadlineMs)
    if (next < Number.POSITIVE_INFINITY) this.#watch(next)
  }
}
