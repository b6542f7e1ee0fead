import type { Buffer } from 'node:buffer'
import {
  type Clock,
  errorTable,
  MillraceError,
  messageOf,
  type Net,
  type Random,
  type Socket,
  type Timer,
  type TlsOptions,
} from '@millrace/kernel'
import {
  type ApiName,
  apiOf,
  type Connection,
  correlationIdOf,
  decodeResponse,
  emptyMessage,
  encodeRequest,
  type Frame,
  FrameSplitter,
  type NodeAddress,
  type RequestOf,
  type ResponseOf,
  type SendOptions,
} from '@millrace/protocol/internal'
import { negotiate } from './handshake.ts'
import { Outstanding, type OutstandingRequest } from './outstanding.ts'
import { authenticate, type SaslOptions } from './sasl.ts'
import { topicIdRule, versionFor } from './topic-ids.ts'

export interface TcpConnectionSettings {
  readonly net: Net
  readonly clock: Clock
  readonly random: Random
  readonly clientId: string
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslOptions | undefined
  readonly connectTimeoutMs: number
  readonly outstandingBytesMax: number
  readonly frameBytesMax: number
}

const defaultTimeoutMs = 30_000
/** How long `close` waits for the system to take what is queued. */
const flushMs = 1_000

/**
 * One socket to one broker. Requests go out at once, one behind the other, and are answered in that order; an answer
 * out of order ends the connection. When it ends, everything unanswered fails with CONNECTION_LOST: whether it was
 * carried out is not known.
 */
export class TcpConnection implements Connection {
  readonly node: NodeAddress
  principal = 'User:ANONYMOUS'
  readonly closed: Promise<Error | undefined>
  apiVersions: ReadonlyMap<number, { readonly min: number; readonly max: number }> = new Map()
  features: ReadonlyMap<string, number> = new Map()
  readonly #settings: TcpConnectionSettings
  readonly #place: string
  readonly #splitter: FrameSplitter
  readonly #outstanding: Outstanding
  /** What waits for room, first come first served. */
  readonly #room: (() => void)[] = []
  #socket: Socket | undefined
  #ended: (error: Error | undefined) => void = () => {}
  #end: { readonly error: Error | undefined } | undefined
  #correlationId = 0
  /** The next login of a session that ends, and whether one is under way: no request may come between its steps. */
  #relogin: Timer | undefined
  #loggingIn = false

  /**
   * Connects, asks what the peer speaks and logs in.
   *
   * @throws CONNECTION_REFUSED, CONNECTION_LOST, ABORTED, REQUEST_TIMED_OUT, SASL_AUTHENTICATION_FAILED,
   *   UNSUPPORTED_SASL_MECHANISM
   */
  static async open(node: NodeAddress, settings: TcpConnectionSettings, signal?: AbortSignal): Promise<TcpConnection> {
    const connection = new TcpConnection(node, settings)
    const abort = (): void => connection.#finish(new MillraceError('ABORTED', `connecting to ${connection.#place}`))
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await Promise.race([connection.#connect(), connection.closed])
      const peer = await negotiate((version, request) => connection.#apiVersions(version, request))
      connection.apiVersions = peer.apiVersions
      connection.features = peer.features
      await connection.#login()
    } catch (error) {
      const reason = connection.#end?.error ?? error
      connection.#finish(error instanceof Error ? error : new Error(messageOf(error)))
      throw reason
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    return connection
  }

  private constructor(node: NodeAddress, settings: TcpConnectionSettings) {
    this.node = node
    this.#settings = settings
    this.#place = `${node.host}:${node.port}`
    this.#splitter = new FrameSplitter(this.#place, settings.frameBytesMax)
    this.#outstanding = new Outstanding(settings.clock, (request) => {
      const problem = `${request.label} was not answered in time`
      request.failed(new MillraceError('REQUEST_TIMED_OUT', problem, { place: this.#place }))
      this.#finish(new MillraceError('CONNECTION_LOST', `given up: ${problem}`, { place: this.#place }))
    })
    this.closed = new Promise((resolve) => {
      this.#ended = resolve
    })
  }

  send<A extends ApiName>(api: A, request: RequestOf<A>, options: SendOptions = {}): Promise<ResponseOf<A>> {
    if (this.#room.length === 0 && !this.#isFull()) return this.#sendNow(api, request, options)
    return new Promise((resolve, reject) => {
      this.#room.push(() => this.#sendNow(api, request, options).then(resolve, reject))
    })
  }

  /** Writes before it first waits, so that requests leave in the order of the calls. */
  async #sendNow<A extends ApiName>(api: A, request: RequestOf<A>, options: SendOptions): Promise<ResponseOf<A>> {
    if (this.#end !== undefined) throw this.#lost(api)
    if (options.signal?.aborted === true)
      throw new MillraceError('ABORTED', `${api} was not sent`, { place: this.#place })
    const version = versionFor(api, request, this.apiVersions.get(apiKeyOf(api)), options.versionMax)
    if (version === undefined) throw this.#unsupported(api)
    const correlationId = this.#nextCorrelationId()
    const frame = encodeRequest(api, version, { correlationId, clientId: this.#settings.clientId }, request)
    if (isUnanswered(api, request)) return this.#sendUnanswered(api, frame)
    const rule = topicIdRule(api)
    const response = await this.#exchange(frame, correlationId, `${api} v${version}`, options, (answer) =>
      decodeResponse(api, version, answer),
    )
    return rule === undefined || version < rule.from ? response : rule.withNames(request, response)
  }

  async close(): Promise<void> {
    const socket = this.#socket
    if (this.#end === undefined && socket !== undefined && socket.queuedBytes > 0) {
      const flushed = new AbortController()
      await Promise.race([
        socket.drained().then(() => flushed.abort()),
        this.#settings.clock.sleep(flushMs, flushed.signal).catch(() => {}),
      ])
    }
    this.#finish(undefined)
    await this.closed
  }

  /** Logs in, if that was asked for, and again before the session ends (KIP-368). */
  async #login(): Promise<void> {
    const { sasl, random, clock, connectTimeoutMs } = this.#settings
    if (sasl === undefined) return
    this.#loggingIn = true
    const session = await authenticate((api, request) => this.#sendNow(api, request, { timeoutMs: connectTimeoutMs }), {
      sasl,
      random,
      place: this.#place,
    })
    this.#loggingIn = false
    this.principal = session.principal
    this.#giveRoom()
    if (session.lifetimeMs === undefined || this.#end !== undefined) return
    const earlyMs = session.lifetimeMs * (0.85 + random.next() * 0.1) // as Kafka: not all connections at once
    this.#relogin = clock.after(earlyMs, () => void this.#login().catch((error) => this.#finish(error)), 'background')
  }

  async #connect(): Promise<void> {
    const { net, tls, connectTimeoutMs } = this.#settings
    const socket = await net.connect(
      { host: this.node.host, port: this.node.port, tls, timeoutMs: connectTimeoutMs },
      {
        data: (bytes) => this.#splitter.push(bytes, (frame) => this.#answered(frame)),
        closed: (error) => this.#finish(error ?? this.#cut()),
      },
    )
    this.#socket = socket
    if (this.#end === undefined) return
    socket.destroy()
    throw this.#end.error ?? this.#cut()
  }

  /** One ApiVersions request, of a version that may be too new for the peer. */
  #apiVersions(version: number, request: RequestOf<'apiVersions'>): Promise<Buffer> {
    const correlationId = this.#nextCorrelationId()
    const frame = encodeRequest('apiVersions', version, { correlationId, clientId: this.#settings.clientId }, request)
    const options = { timeoutMs: this.#settings.connectTimeoutMs }
    return this.#exchange(frame, correlationId, `apiVersions v${version}`, options, (answer) => answer)
  }

  #exchange<T>(
    frame: Frame,
    correlationId: number,
    label: string,
    options: SendOptions,
    decode: (answer: Buffer) => T,
  ): Promise<T> {
    if (this.#end !== undefined) return Promise.reject(this.#lost(label))
    return new Promise((resolve, reject) => {
      const { signal, timeoutMs = defaultTimeoutMs } = options
      // The answer of a request that nobody waits for any more still has to be taken off the stream.
      const abort = (): void => reject(new MillraceError('ABORTED', label, { place: this.#place }))
      const request: OutstandingRequest = {
        correlationId,
        label,
        size: frame.size,
        deadlineMs: this.#settings.clock.monotonicMs() + timeoutMs,
        answered: (answer) => {
          signal?.removeEventListener('abort', abort)
          resolve(decode(answer))
        },
        failed: (error) => {
          signal?.removeEventListener('abort', abort)
          reject(error)
        },
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#outstanding.push(request)
      this.#socket?.writeAll(frame.pieces)
    })
  }

  async #sendUnanswered<A extends ApiName>(api: A, frame: Frame): Promise<ResponseOf<A>> {
    this.#socket?.writeAll(frame.pieces)
    await this.#socket?.drained() // only then the batches are the caller's again
    if (this.#end !== undefined) throw this.#lost(api)
    return emptyMessage(api, 'response')
  }

  #answered(frame: Buffer): void {
    const request = this.#outstanding.shift()
    const correlationId = correlationIdOf(frame)
    if (request === undefined || request.correlationId !== correlationId) {
      const problem =
        request === undefined
          ? `an answer to ${correlationId} came, and nothing was asked`
          : `an answer to ${correlationId} came where ${request.correlationId} (${request.label}) was due`
      const error = new MillraceError('CORRUPT_MESSAGE', problem, { place: this.#place })
      request?.failed(error)
      throw error // the socket ends the connection with it
    }
    try {
      request.answered(frame)
    } catch (error) {
      request.failed(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    }
    this.#giveRoom()
  }

  #isFull(): boolean {
    if (this.#loggingIn) return this.#end === undefined
    return this.#outstanding.count > 0 && this.#outstanding.bytes >= this.#settings.outstandingBytesMax
  }

  #giveRoom(): void {
    while (this.#room.length > 0 && !this.#isFull()) this.#room.shift()?.()
  }

  #finish(error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#relogin?.cancel()
    this.#socket?.destroy()
    this.#outstanding.failAll((request) => this.#lost(request.label))
    this.#giveRoom()
    this.#ended(error)
  }

  #nextCorrelationId(): number {
    this.#correlationId = (this.#correlationId + 1) & 0x7fff_ffff
    return this.#correlationId
  }

  #cut(): MillraceError {
    return new MillraceError('CONNECTION_LOST', 'the peer closed the connection', { place: this.#place })
  }

  #lost(what: string): MillraceError {
    const reason = this.#end?.error
    return new MillraceError('CONNECTION_LOST', `${what}: ${reason?.message ?? 'the connection was closed'}`, {
      place: this.#place,
      cause: reason,
    })
  }

  #unsupported(api: ApiName): MillraceError {
    const peer = this.apiVersions.get(apiKeyOf(api))
    const theirs = peer === undefined ? 'does not have it' : `has versions ${peer.min} to ${peer.max}`
    return new MillraceError('UNSUPPORTED_VERSION', `${errorTable.UNSUPPORTED_VERSION.text} The broker ${theirs}`, {
      place: `${this.#place}, ${api}`,
    })
  }
}

function apiKeyOf(api: ApiName): number {
  return apiOf(api).key
}

/** Only one request has no answer: a produce that asks for none. */
function isUnanswered(api: ApiName, request: object): boolean {
  return api === 'produce' && 'acks' in request && request.acks === 0
}
