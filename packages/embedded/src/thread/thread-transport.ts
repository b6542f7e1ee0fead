import { type Disk, kafkaError, MillraceError, type Ports, type ThreadPort } from '@millrace/kernel'
import {
  type ApiName,
  apiOf,
  type Connection,
  type NodeAddress,
  type RequestOf,
  type ResponseOf,
  type SendOptions,
  type Transport,
} from '@millrace/protocol/internal'
import { withBuffers } from './cloned-buffers.ts'
import { LocalFetch } from './local-fetch.ts'
import type { SentAborted, SentError, SentTail, ThreadLinkData, ToEngine, ToThread } from './messages.ts'
import { movedCopies } from './moved-copies.ts'

/** Requests of one thread that the engine has not answered; more wait here. A port itself would queue without bound. */
const creditsMax = 64

/** Who waits for answers of one kind, by id. */
type Answers<T> = Map<number, (answer: T | undefined) => void>

interface Awaiting {
  readonly connection: ThreadConnection
  resolve(response: unknown): void
  reject(error: Error): void
}

/**
 * Reaches the engine from a worker of its process. Fetches read the segment files here, up to the watermark that the engine shares;
 * everything else goes over a port, batches as moved buffers.
 *
 * @param link what `Engine.threadLink()` made, as it arrived in the thread
 */
export function threadTransport(link: ThreadLinkData, ports: Pick<Ports, 'threads' | 'disk' | 'clock'>): Transport {
  const end = new ThreadEnd(ports.threads.adopt(link.port), link.node, ports)
  return { bootstrap: [link.node], connect: (_node, signal) => end.connect(signal) }
}

/** The thread's end of the link. */
class ThreadEnd {
  readonly node: NodeAddress
  readonly ports: Pick<Ports, 'disk' | 'clock'>
  readonly fetches: LocalFetch
  readonly #port: ThreadPort
  readonly #connections = new Map<number, ThreadConnection>()
  readonly #awaiting = new Map<number, Awaiting>()
  readonly #tails: Answers<SentTail> = new Map()
  readonly #aborted: Answers<SentAborted> = new Map()
  readonly #waiting: (() => void)[] = []
  #credits = creditsMax
  #nextId = 0
  #closed = false

  constructor(port: ThreadPort, node: NodeAddress, ports: { readonly disk: Disk } & Pick<Ports, 'clock'>) {
    this.#port = port
    this.node = node
    this.ports = ports
    this.fetches = new LocalFetch(ports, {
      tail: (topic, partition) => this.#ask(this.#tails, (id) => ({ kind: 'tail', id, topic, partition })),
      aborted: (topic, partition, from, to) =>
        this.#ask(this.#aborted, (id) => ({ kind: 'aborted', id, topic, partition, from, to })),
    })
    port.listen((message) => this.#receive(message as ToThread)) // only the engine's end writes here
  }

  connect(signal: AbortSignal | undefined): Promise<Connection> {
    if (this.#closed)
      return Promise.reject(new MillraceError('CONNECTION_REFUSED', 'the engine is closed', { place: 'thread' }))
    if (signal?.aborted === true) return Promise.reject(new MillraceError('ABORTED', 'connecting to the engine'))
    const id = this.#nextId++
    const connection = new ThreadConnection(id, this)
    this.#connections.set(id, connection)
    this.post({ kind: 'connect', connection: id })
    return connection.opened
  }

  post(message: ToEngine, move: readonly ArrayBuffer[] = []): void {
    if (!this.#closed) this.#port.post(message, move)
  }

  async ask(connection: ThreadConnection, api: ApiName, request: unknown, options: SendOptions): Promise<unknown> {
    while (this.#credits === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (connection.ended) {
      this.#waiting.shift()?.() // the credit that was meant for this one
      throw new MillraceError('CONNECTION_LOST', 'the connection is closed', { place: 'thread' })
    }
    const { signal, timeoutMs, versionMax } = options
    const id = this.#nextId++
    const { value, move } = api === 'produce' ? movedCopies(request) : { value: request, move: [] }
    return new Promise((resolve, reject) => {
      const abort = () => {
        if (!this.#settle(id)) return
        this.post({ kind: 'abort', id })
        reject(new MillraceError('ABORTED', 'the request was aborted', { place: api, cause: signal?.reason }))
      }
      const done = () => signal?.removeEventListener('abort', abort)
      this.#credits--
      this.#awaiting.set(id, {
        connection,
        resolve: (response) => {
          done()
          resolve(response)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      })
      signal?.addEventListener('abort', abort)
      const send = { kind: 'send', connection: connection.id, id, api, request: value, timeoutMs, versionMax } as const
      this.post(send, move)
      if (signal?.aborted === true) abort()
    })
  }

  forget(connection: ThreadConnection, reason: Error): void {
    this.#connections.delete(connection.id)
    for (const [id, awaiting] of this.#awaiting) {
      if (awaiting.connection === connection && this.#settle(id)) awaiting.reject(reason)
    }
  }

  #settle(id: number): Awaiting | undefined {
    const awaiting = this.#awaiting.get(id)
    if (awaiting === undefined) return undefined
    this.#awaiting.delete(id)
    this.#credits++
    this.#waiting.shift()?.()
    return awaiting
  }

  /** undefined when the engine has no such partition, or is closed. */
  #ask<T>(answers: Answers<T>, message: (id: number) => ToEngine): Promise<T | undefined> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      answers.set(id, resolve)
      this.post(message(id))
      if (this.#closed) resolve(undefined)
    })
  }

  #receive(message: ToThread): void {
    switch (message.kind) {
      case 'answer':
        this.#settle(message.id)?.resolve(withBuffers(message.response))
        return
      case 'failed':
        this.#settle(message.id)?.reject(received(message.error))
        return
      case 'moved':
        this.fetches.moved()
        return
      case 'tail':
        this.#tails.get(message.id)?.(message.tail)
        this.#tails.delete(message.id)
        return
      case 'aborted':
        this.#aborted.get(message.id)?.(message.aborted)
        this.#aborted.delete(message.id)
        return
      case 'connected':
        this.#connections.get(message.connection)?.connected(message.apiVersions, message.features)
        return
      case 'lost':
        this.#connections.get(message.connection)?.end(message.error && received(message.error))
        return
      case 'closed':
        this.#close()
        return
    }
  }

  #close(): void {
    this.#closed = true
    const lost = new MillraceError('CONNECTION_LOST', 'the engine was closed', { place: 'thread' })
    for (const connection of [...this.#connections.values()]) connection.end(lost)
    for (const resolve of [...this.#tails.values(), ...this.#aborted.values()]) resolve(undefined)
    this.#tails.clear()
    this.#aborted.clear()
    this.fetches.close()
    this.#port.close()
  }
}

class ThreadConnection implements Connection {
  readonly id: number
  readonly node: NodeAddress
  readonly principal = 'User:ANONYMOUS'
  readonly abortsAtOnce = true
  readonly opened: Promise<Connection>
  readonly closed: Promise<Error | undefined>
  apiVersions: Connection['apiVersions'] = new Map()
  features: Connection['features'] = new Map()
  ended = false
  readonly #end: ThreadEnd
  readonly #abort = new AbortController()
  #opened: (connection: Connection) => void = () => {}
  #refused: (error: Error) => void = () => {}
  #over: (reason: Error | undefined) => void = () => {}

  constructor(id: number, end: ThreadEnd) {
    this.id = id
    this.node = end.node
    this.#end = end
    this.opened = new Promise((resolve, reject) => {
      this.#opened = resolve
      this.#refused = reject
    })
    this.closed = new Promise((resolve) => {
      this.#over = resolve
    })
  }

  connected(apiVersions: Connection['apiVersions'], features: Connection['features']): void {
    this.apiVersions = apiVersions
    this.features = features
    this.#opened(this)
  }

  async send<A extends ApiName>(api: A, request: RequestOf<A>, options: SendOptions = {}): Promise<ResponseOf<A>> {
    if (this.ended) throw new MillraceError('CONNECTION_LOST', 'the connection is closed', { place: 'thread' })
    if (!this.apiVersions.has(apiOf(api).key)) throw kafkaError('UNSUPPORTED_VERSION', api)
    const local =
      api === 'fetch' ? await this.#end.fetches.answer(request, this.#abort.signal, options.signal) : undefined
    if (this.ended) throw new MillraceError('CONNECTION_LOST', 'the connection was closed', { place: 'thread' })
    const answer = local ?? (await this.#end.ask(this, api, request, options))
    return answer as ResponseOf<A> // the engine's end answers the API that was asked
  }

  async close(): Promise<void> {
    if (this.ended) return
    this.#end.post({ kind: 'close', connection: this.id })
    this.end(undefined)
  }

  end(reason: Error | undefined): void {
    if (this.ended) return
    this.ended = true
    const lost = reason ?? new MillraceError('CONNECTION_LOST', 'the connection was closed', { place: 'thread' })
    this.#abort.abort(lost)
    this.#end.forget(this, lost)
    this.#refused(lost)
    this.#over(reason)
  }
}

function received({ code, message }: SentError): MillraceError {
  return new MillraceError(code, message)
}
