import { kafkaError, MillraceError, type Ports } from '@millrace/kernel'
import {
  type ApiName,
  apiOf,
  type Connection,
  fill,
  type NodeAddress,
  newestVersion,
  type RequestHandler,
  type RequestOf,
  type ResponseOf,
  type SendOptions,
  type Transport,
} from '@millrace/protocol/internal'
import { Pace } from './pace.ts'
import { RequestOrder } from './request-order.ts'

/** Of the door by which threads of this process come in. */
export const loopbackListener = 'loopback'

export interface LoopbackOptions {
  readonly handler: RequestHandler
  readonly ports: Pick<Ports, 'clock'>
  readonly nodeId: number
  readonly clientId: string | null
}

/** Reaches a broker in the same thread: request value, handler, response value. Batches stay opaque bytes. */
export function loopbackTransport(options: LoopbackOptions): Transport & { close(): Promise<void> } {
  const open = new Set<LoopbackConnection>()
  let closed = false
  const node: NodeAddress = { nodeId: options.nodeId, host: 'localhost', port: 0 }
  return {
    bootstrap: [node],
    async connect(_node, signal) {
      if (closed) throw new MillraceError('CONNECTION_REFUSED', 'the engine is closed', { place: 'loopback' })
      if (signal?.aborted === true) throw new MillraceError('ABORTED', 'connecting to the engine')
      const connection = await LoopbackConnection.open(node, options, (ended) => open.delete(ended))
      open.add(connection)
      return connection
    },
    async close() {
      closed = true
      await Promise.all(
        [...open].map((connection) =>
          connection.end(new MillraceError('CONNECTION_LOST', 'the engine was closed', { place: 'loopback' })),
        ),
      )
    },
  }
}

interface Answering {
  reject(error: Error): void
}

class LoopbackConnection implements Connection {
  readonly node: NodeAddress
  readonly principal = 'User:ANONYMOUS'
  readonly abortsAtOnce = true
  readonly closed: Promise<Error | undefined>
  apiVersions: Connection['apiVersions'] = new Map()
  features: Connection['features'] = new Map()
  readonly #options: LoopbackOptions
  readonly #onEnd: (connection: LoopbackConnection) => void
  readonly #abort = new AbortController()
  readonly #order = new RequestOrder()
  readonly #answering = new Set<Answering>()
  readonly #pace: Pace
  #ended: (reason: Error | undefined) => void = () => {}

  private constructor(node: NodeAddress, options: LoopbackOptions, onEnd: (connection: LoopbackConnection) => void) {
    this.node = node
    this.#options = options
    this.#onEnd = onEnd
    this.#pace = new Pace(options.ports.clock)
    this.closed = new Promise((resolve) => {
      this.#ended = resolve
    })
  }

  static async open(
    node: NodeAddress,
    options: LoopbackOptions,
    onEnd: (connection: LoopbackConnection) => void,
  ): Promise<LoopbackConnection> {
    const connection = new LoopbackConnection(node, options, onEnd)
    const answer = await connection.#ask(
      'apiVersions',
      fill('apiVersions', 'request', { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }),
    )
    connection.apiVersions = new Map(
      answer.apiKeys.map((row) => [row.apiKey, { min: row.minVersion, max: row.maxVersion }]),
    )
    connection.features = new Map(answer.finalizedFeatures.map((row) => [row.name, row.maxVersionLevel]))
    return connection
  }

  async send<A extends ApiName>(api: A, request: RequestOf<A>, options: SendOptions = {}): Promise<ResponseOf<A>> {
    if (this.#abort.signal.aborted) {
      throw new MillraceError('CONNECTION_LOST', 'the connection is closed', { place: 'loopback' })
    }
    if (!this.apiVersions.has(apiOf(api).key)) throw kafkaError('UNSUPPORTED_VERSION', api)
    // Whoever may give a request up ends with it the poll that waits behind it; all others share one signal.
    const poll = options.signal === undefined ? undefined : new AbortController()
    const answer = this.#order.inTurn(this.#ask(api, request, poll?.signal, options.versionMax))
    const response = await this.#bounded(api, answer, options, poll)
    await this.#pace.turnIfDue()
    return response
  }

  #ask<A extends ApiName>(
    api: A,
    request: RequestOf<A>,
    closed = this.#abort.signal,
    versionMax = newestVersion,
  ): Promise<ResponseOf<A>> {
    const context = {
      clientId: this.#options.clientId,
      clientHost: 'loopback',
      principal: this.principal,
      apiVersion: Math.min(apiOf(api).versions.max, versionMax),
      closed,
      listener: loopbackListener,
      isInProcess: true as const,
    }
    return this.#options.handler.handle(context, api, request)
  }

  /** The answer, unless the connection ends, the caller gives up, or the time is over. */
  #bounded<A extends ApiName>(
    api: A,
    answer: Promise<ResponseOf<A>>,
    options: SendOptions,
    poll: AbortController | undefined,
  ): Promise<ResponseOf<A>> {
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = 30_000 } = options
      const over = () => {
        timer.cancel()
        this.#answering.delete(answering)
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: Error) => {
        over()
        poll?.abort()
        reject(error)
      }
      const answering: Answering = { reject: fail }
      const abort = () =>
        fail(new MillraceError('ABORTED', 'the request was aborted', { place: api, cause: signal?.reason }))
      // As over a socket: a connection without an answer in time is given up, and all that waits on it.
      const timer = this.#options.ports.clock.after(
        timeoutMs,
        () => void this.end(kafkaError('REQUEST_TIMED_OUT', api, `No answer within ${timeoutMs} ms.`)),
        'background',
      )
      this.#answering.add(answering)
      signal?.addEventListener('abort', abort)
      if (signal?.aborted === true) abort()
      answer.then(
        (response) => {
          over()
          resolve(response)
        },
        (error: unknown) => {
          // A handler that throws ends the connection, as it would at the server's end of a socket.
          const lost = new MillraceError('CONNECTION_LOST', 'the engine failed to answer', { place: api, cause: error })
          fail(lost)
          void this.end(lost)
        },
      )
    })
  }

  close(): Promise<void> {
    return this.end(undefined)
  }

  async end(reason: Error | undefined): Promise<void> {
    if (this.#abort.signal.aborted) return
    this.#abort.abort()
    this.#onEnd(this)
    const error = reason ?? new MillraceError('CONNECTION_LOST', 'the connection was closed', { place: 'loopback' })
    for (const { reject } of [...this.#answering]) reject(error)
    this.#ended(reason)
  }
}
