import { Buffer } from 'node:buffer'
import { type Clock, MiB, messageOf, type Socket, type SocketHandlers, type Timer } from '@millrace/kernel'
import {
  type ApiName,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  type Frame,
  FrameSplitter,
  includes,
  type RequestHandler,
  type RequestHeader,
  type RequestOf,
  type ResponseOf,
  type ServedApi,
  servedApis,
} from '@millrace/protocol/internal'
import { Login, type LoginAnswer, type LoginHost } from '../auth/login.ts'
import type { Settings } from '../settings.ts'
import { wire } from '../wire-error.ts'
import type { AnswerRoom } from './answer-room.ts'
import type { FramePool } from './frame-pool.ts'
import { LentMemory } from './lent-memory.ts'
import type { RefusalReason, Refusals } from './refusals.ts'
import type { RequestHolder, RequestMemory } from './request-memory.ts'

const apiVersionsKey = 18
const fetchKey = 1
/** What one connection may do before the others have their turn, if more of its requests wait. */
const turnRequests = 64
const turnAnswerBytes = 1 * MiB

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly handler: RequestHandler
  readonly settings: Settings
  readonly listener: string
  readonly refusals: Refusals
  readonly frames: FramePool
  readonly memory: RequestMemory
  readonly answers: AnswerRoom
  readonly clock: Clock
  /** Of a listener that asks for a login. */
  readonly login: LoginHost | undefined
  ended(connection: ServerConnection): void
}

/** The place of one request in the order of the answers. */
interface Slot {
  /** undefined: not answered yet; null: never will be (acks=0). */
  frame: Frame | null | undefined
  readonly requestBytes: number
  /** What the answer lies in. */
  readonly lent?: LentMemory | undefined
}

/**
 * One client. Requests are begun in order and run side by side; answers leave in the order of the requests.
 *
 * What one client can cost is bounded: it is not read from while too many of its requests, or too many bytes of them,
 * are unanswered, or too many bytes of answers wait for it; and one fetch runs at a time, because its answer alone may
 * be large. Nor does it keep the thread: what is read from the log at once is answered at once, so a client with many
 * fetches on their way would be served to their end before anybody else, and before it is noticed that it has left.
 */
export class ServerConnection implements SocketHandlers, RequestHolder {
  lastActiveMs: number
  requestBytes = 0
  #answerBytes = 0
  readonly #socket: Socket
  readonly #host: ConnectionHost
  readonly #clientHost: string
  readonly #splitter: FrameSplitter
  readonly #gone = new AbortController()
  /** Read, and not begun. */
  readonly #waiting: Buffer[] = []
  /** Begun, and not sent. In the order of the answers. */
  readonly #slots: Slot[] = []
  #heldBytes = 0
  #readyBytes = 0
  #fetching = false
  readonly #login: Login | undefined
  readonly #loginDeadline: Timer | undefined
  /** A step of the login is being looked at: what comes behind it waits for how it ends. */
  #loggingIn = false
  #requestsOfTurn = 0
  #bytesOfTurn = 0
  #resting = false
  #paused = false
  #awaitsDrain = false
  #draining = false
  #over = false

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.#clientHost = hostOf(socket.remote)
    const { settings } = host
    this.#splitter = new FrameSplitter(socket.remote, settings['socket.request.max.bytes'], host.frames.take)
    this.lastActiveMs = host.clock.monotonicMs()
    host.memory.enter(this)
    if (host.login === undefined) return
    this.#login = new Login(host.login)
    this.#splitter.frameBytesMax = Math.min(this.#splitter.frameBytesMax, settings['sasl.server.max.receive.size'])
    const patienceMs = host.settings['connection.login.timeout.ms']
    this.#loginDeadline = host.clock.after(
      patienceMs,
      () => {
        if (this.#login?.isDone !== true) this.refuse('login-timeout', `after ${patienceMs} ms`)
      },
      'background',
    )
  }

  get remote(): string {
    return this.#socket.remote
  }

  /** Nothing of it is being worked on, or it does not take its answers: only its client can go on. */
  get dormant(): boolean {
    return (this.#slots.length === 0 && this.#waiting.length === 0) || this.#socket.queuedBytes > 0
  }

  data(bytes: Buffer): void {
    if (this.#over || this.#draining) return
    this.lastActiveMs = this.#host.clock.monotonicMs()
    try {
      this.#splitter.push(bytes, (frame) => {
        this.#waiting.push(frame)
        this.#heldBytes += frame.length
      })
    } catch (error) {
      this.refuse('frame-size', messageOf(error))
      return
    }
    this.#advance()
    this.#noteMemory()
  }

  closed(): void {
    if (this.#over) return
    this.#over = true
    this.#loginDeadline?.cancel()
    this.#waiting.length = 0
    // What is not answered yet is still being written to; its memory goes back when its handler is through.
    for (const { frame, lent } of this.#slots) if (frame !== undefined) lent?.giveBack()
    this.#slots.length = 0
    this.#gone.abort()
    this.#host.memory.leave(this)
    this.#noteMemory()
    this.#host.ended(this)
  }

  /** Takes no more requests; ends when those it has are answered. Long polls are answered at once. */
  drain(): void {
    this.#draining = true
    this.#waiting.length = 0
    this.#gone.abort()
    // What still comes is not looked at, but read: a paused socket would not see its client end either.
    this.#paused = false
    this.#socket.resume()
    if (this.#slots.length === 0) this.#socket.end()
  }

  /** Ends this connection, under a counted reason. Everything else goes on. */
  refuse(reason: RefusalReason, detail: string): void {
    if (this.#over) return
    this.#host.refusals.count(reason, this.#socket.remote, detail)
    this.#socket.destroy()
    this.closed()
  }

  #lend(): LentMemory {
    const { frames, answers } = this.#host
    return new LentMemory(frames, answers, () =>
      this.refuse('slow-reader', 'has not taken an answer that others need the memory of'),
    )
  }

  /** The largest of those that take too much memory together. */
  release(): void {
    this.refuse('request-memory', `${this.requestBytes} bytes of requests`)
  }

  #noteMemory(): void {
    const bytes = this.#over ? 0 : this.#heldBytes + this.#splitter.pendingBytes
    const more = bytes - this.requestBytes
    this.requestBytes = bytes
    if (more !== 0) this.#host.memory.changed(more)
    const unsent = this.#over ? 0 : this.#unsentBytes()
    this.#host.answers.unsentBytes += unsent - this.#answerBytes
    this.#answerBytes = unsent
  }

  #advance(): void {
    while (!this.#over && this.#mayBegin()) {
      if (this.#requestsOfTurn >= turnRequests || this.#bytesOfTurn >= turnAnswerBytes) this.#rest()
      else {
        const frame = this.#waiting.shift()
        this.#requestsOfTurn++
        if (frame !== undefined) this.#begin(frame)
      }
    }
    if (this.#over || this.#draining) return
    const limit = this.#host.settings['connection.queue.max.bytes']
    const full = this.#waiting.length > 0 || this.#heldBytes > limit || this.#unsentBytes() > limit
    if (full) this.#pause()
    else if (this.#paused) {
      this.#paused = false
      this.#socket.resume()
    }
  }

  #mayBegin(): boolean {
    const next = this.#waiting[0]
    if (next === undefined || this.#loggingIn || this.#resting) return false
    if (this.#slots.length >= this.#host.settings['connection.request.queue.max']) return false
    const unsent = this.#unsentBytes()
    if (unsent > this.#host.settings['connection.queue.max.bytes']) return false
    if (unsent > 0 && this.#host.answers.isFull) return false
    return !(this.#fetching && next.length >= 2 && next.readInt16BE(0) === fetchKey)
  }

  #rest(): void {
    this.#resting = true
    void this.#host.clock.turn().then(() => {
      this.#resting = false
      this.#requestsOfTurn = 0
      this.#bytesOfTurn = 0
      this.#advance()
      this.#noteMemory()
    })
  }

  #unsentBytes(): number {
    return this.#readyBytes + this.#socket.queuedBytes
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#socket.pause()
  }

  #begin(frame: Buffer): void {
    if (this.#login?.takesRawFrames === true) {
      this.#beginRaw(this.#login, frame)
      return
    }
    let header: RequestHeader
    try {
      header = decodeRequestHeader(frame)
    } catch (error) {
      this.refuse('malformed-header', messageOf(error))
      return
    }
    const api = servedApis.get(header.apiKey)
    if (api === undefined) {
      this.refuse('unknown-api', `api key ${header.apiKey}`)
      return
    }
    const lent = api.name === 'fetch' ? this.#lend() : undefined
    const slot: Slot = { frame: undefined, requestBytes: frame.length, lent }
    if (!includes(api.served, header.apiVersion)) {
      if (header.apiKey === apiVersionsKey) {
        this.#slots.push(slot)
        this.#answer(slot, unknownApiVersions(api, header.correlationId))
        return
      }
      this.refuse('unsupported-version', `${api.name} version ${header.apiVersion}`)
      return
    }
    if (this.#login !== undefined && this.#beginLogin(this.#login, api.name, header, frame, slot)) return
    if (api.name !== 'produce') {
      this.#run(api.name, header, frame, slot, () => true)
      return
    }
    // With acks=0 nobody waits for an answer: a failure can only be told by ending the connection, as Kafka does.
    this.#run('produce', header, frame, slot, (request, response) => {
      if (request.acks !== 0) return true
      const errors = errorsOf(response)
      if (errors.length > 0) this.refuse('acks-0-failed', errors.join('; '))
      return false
    })
  }

  #run<A extends ApiName>(
    name: A,
    header: RequestHeader,
    frame: Buffer,
    slot: Slot,
    isAnswered: (request: RequestOf<A>, response: ResponseOf<A>) => boolean,
  ): void {
    let request: RequestOf<A>
    try {
      request = decodeRequest(name, header, frame)
    } catch (error) {
      this.refuse('malformed-request', messageOf(error))
      return
    }
    const { lent } = slot
    const context = {
      clientId: header.clientId,
      clientHost: this.#clientHost,
      principal: this.#principal(),
      apiVersion: header.apiVersion,
      closed: this.#gone.signal,
      listener: this.#host.listener,
      memory: lent,
    }
    this.#slots.push(slot)
    if (name === 'fetch') this.#fetching = true
    this.#host.handler.handle(context, name, request).then(
      (response) => {
        if (name === 'fetch') this.#fetching = false
        // Its batches are in the log by now, and nothing else of it is kept.
        else if (name === 'produce') this.#host.frames.give(frame)
        if (this.#over) lent?.giveBack()
        else if (isAnswered(request, response)) this.#settle(name, header, response, slot)
        else if (!this.#over) this.#answer(slot, null)
      },
      (error: unknown) => {
        lent?.giveBack()
        this.refuse('handler-failed', `${name}: ${messageOf(error)}`)
      },
    )
  }

  /** By the login, else by the certificate that was shown. */
  #principal(): string {
    if (this.#login !== undefined) return this.#login.principal
    const { peerSubject } = this.#socket
    return peerSubject === undefined ? 'User:ANONYMOUS' : `User:${peerSubject}`
  }

  /** True if the request is a step of the login, or may not be begun now. */
  #beginLogin(login: Login, name: ApiName, header: RequestHeader, frame: Buffer, slot: Slot): boolean {
    const objection = login.objection(name)
    if (objection !== undefined) {
      this.refuse(objection, name)
      return true
    }
    if (name === 'saslHandshake') {
      this.#loginStep(name, header, frame, slot, (request) => login.handshake(header.apiVersion, request))
      return true
    }
    if (name !== 'saslAuthenticate') return false
    this.#loginStep(name, header, frame, slot, (request) => login.authenticate(request))
    return true
  }

  #loginStep<A extends 'saslHandshake' | 'saslAuthenticate'>(
    name: A,
    header: RequestHeader,
    frame: Buffer,
    slot: Slot,
    answer: (request: RequestOf<A>) => Promise<LoginAnswer<ResponseOf<A>>>,
  ): void {
    let request: RequestOf<A>
    try {
      request = decodeRequest(name, header, frame)
    } catch (error) {
      this.refuse('malformed-request', messageOf(error))
      return
    }
    this.#slots.push(slot)
    this.#loggingIn = true
    answer(request).then(
      ({ response, failure }) => {
        if (this.#over) return
        if (failure !== undefined) this.#host.refusals.count('login-failed', this.#socket.remote, failure)
        else this.#loginStepped()
        this.#settle(name, header, response, slot)
        if (failure !== undefined) this.drain()
      },
      (error: unknown) => this.refuse('handler-failed', `${name}: ${messageOf(error)}`),
    )
  }

  /** A step without any header, behind a handshake of version 0: its size and its bytes. */
  #beginRaw(login: Login, frame: Buffer): void {
    const slot: Slot = { frame: undefined, requestBytes: frame.length }
    this.#slots.push(slot)
    this.#loggingIn = true
    login.rawStep(frame).then(
      (answer) => {
        if (this.#over) return
        if (answer === undefined) {
          this.refuse('login-failed', 'without a header')
          return
        }
        this.#loginStepped()
        const size = Buffer.alloc(4)
        size.writeInt32BE(answer.length, 0)
        this.#answer(slot, { pieces: [size, answer], size: size.length + answer.length })
      },
      (error: unknown) => this.refuse('handler-failed', messageOf(error)),
    )
  }

  #loginStepped(): void {
    this.#loggingIn = false
    if (this.#login?.isDone === true) this.#splitter.frameBytesMax = this.#host.settings['socket.request.max.bytes']
  }

  #settle<A extends ApiName>(name: A, header: RequestHeader, response: ResponseOf<A>, slot: Slot): void {
    try {
      this.#answer(slot, encodeResponse(name, header.apiVersion, header.correlationId, response))
    } catch (error) {
      if (slot.frame === undefined) slot.lent?.giveBack()
      this.refuse('answer-not-encodable', messageOf(error))
    }
  }

  #answer(slot: Slot, frame: Frame | null): void {
    slot.frame = frame
    this.#readyBytes += frame?.size ?? 0
    this.#flush()
  }

  /** Sends what is answered up to the first that is not. */
  #flush(): void {
    for (;;) {
      const slot = this.#slots[0]
      if (slot === undefined || slot.frame === undefined) break
      this.#slots.shift()
      this.#heldBytes -= slot.requestBytes
      if (slot.frame === null) continue
      this.#readyBytes -= slot.frame.size
      this.#bytesOfTurn += slot.frame.size
      this.lastActiveMs = this.#host.clock.monotonicMs()
      const taken = this.#socket.writeAll(slot.frame.pieces, slot.lent?.giveBack)
      if (!taken || this.#socket.queuedBytes > 0) this.#whenDrained()
    }
    if (this.#draining && this.#slots.length === 0) this.#socket.end()
    else this.#advance()
    this.#noteMemory()
  }

  #whenDrained(): void {
    if (this.#awaitsDrain) return
    this.#awaitsDrain = true
    void this.#socket.drained().then(() => {
      this.#awaitsDrain = false
      this.#advance()
      this.#noteMemory()
    })
  }
}

/** Whoever asks in a version we do not know learns in the form of version 0 which ones we do (KIP-511). */
function unknownApiVersions({ key, advertised }: ServedApi, correlationId: number): Frame {
  return encodeResponse('apiVersions', 0, correlationId, {
    errorCode: wire('UNSUPPORTED_VERSION'),
    apiKeys: [{ apiKey: key, minVersion: advertised.min, maxVersion: advertised.max }],
    throttleTimeMs: 0,
    supportedFeatures: [],
    finalizedFeaturesEpoch: -1,
    finalizedFeatures: [],
    zkMigrationReady: false,
  })
}

function errorsOf({ responses }: ResponseOf<'produce'>): string[] {
  return responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses
      .filter(({ errorCode }) => errorCode !== 0)
      .map(({ index, errorMessage }) => `${name}-${index}: ${errorMessage}`),
  )
}

/** `127.0.0.1` of `127.0.0.1:51234`, also where IPv6 carries IPv4. */
export function hostOf(remote: string): string {
  const colon = remote.lastIndexOf(':')
  const host = colon < 0 ? remote : remote.slice(0, colon)
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host
}
