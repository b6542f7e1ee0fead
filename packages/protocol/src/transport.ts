import type { Buffer } from 'node:buffer'
import type { ApiName, RequestOf, ResponseOf } from './apis.ts'

/** A broker to reach. `bootstrap` stands for "any": what a client knows before its first metadata. */
export interface NodeAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined
  /** Give the connection up when no answer came. @default 30000 */
  readonly timeoutMs?: number | undefined
  /**
   * Speak no newer version, though both sides could: some promise what is not switched on yet (KIP-890).
   * @default the newest that both know
   */
  readonly versionMax?: number | undefined
}

/**
 * A connection to one broker. Answers come in the order of the requests. Batch bytes in a request belong to the
 * receiver until the answer.
 */
export interface Connection {
  readonly node: NodeAddress
  /** What the peer speaks, by API key: lowest and highest version. */
  readonly apiVersions: ReadonlyMap<number, { readonly min: number; readonly max: number }>
  /** Finalised features by name, such as `transaction.version`. */
  readonly features: ReadonlyMap<string, number>
  /** `User:ANONYMOUS` without authentication. */
  readonly principal: string
  /**
   * Sends the value of the newest version; the codec lowers it to what the peer speaks.
   *
   * @throws UNSUPPORTED_VERSION when the peer lacks the API or a set field is not ignorable there; CONNECTION_LOST;
   *   ABORTED; REQUEST_TIMED_OUT.
   */
  send<A extends ApiName>(api: A, request: RequestOf<A>, options?: SendOptions): Promise<ResponseOf<A>>
  /**
   * A request that its signal gives up leaves nothing behind: the next one is answered at once. Over a socket its answer
   * still holds up all that come later.
   */
  readonly abortsAtOnce?: boolean | undefined
  /** Settles when the connection has ended, with the reason unless it was closed from here. */
  readonly closed: Promise<Error | undefined>
  close(): Promise<void>
}

/** A way to reach brokers: loopback, thread, TCP. */
export interface Transport {
  /** Where to begin: one or more addresses that may be tried in turn. */
  readonly bootstrap: readonly NodeAddress[]
  /** @throws CONNECTION_REFUSED naming the address. */
  connect(node: NodeAddress, signal?: AbortSignal): Promise<Connection>
}

/**
 * Memory for the batches of one answer, lent by whoever sends it: it is theirs again once the last byte has left. An
 * answer that is kept, or handed to somebody in this process, is not lent any.
 */
export interface AnswerMemory {
  /** undefined: there is room, read now. Else it resolves when to ask again: others' answers take all there is. */
  room(): Promise<void> | undefined
  /** A buffer of `bytes`, whatever it holds. */
  take(bytes: number): Buffer
  /** What was taken so far is in no answer. */
  reuse(): void
  /** Who lends it: memory for what is read before anybody asks for it. */
  readonly lender: MemoryLender
  /** A buffer that was lent becomes part of this answer. */
  include(lent: Buffer): void
  /** Calls back when the answer has left, or will not. */
  whenSent(callback: () => void): void
}

/** Memory that is used again once it is taken back: whoever gives it back must be the last who looks at it. */
export interface MemoryLender {
  /** A buffer of `bytes`, whatever it holds. */
  lend(bytes: number): Buffer
  takeBack(lent: Buffer): void
}

/** Who sent a request, for the broker's door. */
export interface RequestContext {
  readonly clientId: string | null
  readonly clientHost: string
  readonly principal: string
  readonly apiVersion: number
  /** Fires when the connection is gone: long polls end. */
  readonly closed: AbortSignal
  readonly listener: string
  /** From this very process, over no listener: nobody is asked for rights. */
  readonly isInProcess?: true | undefined
  /** Of a fetch whose answer goes over a socket. */
  readonly memory?: AnswerMemory | undefined
}

/** The broker's door. Each handler answers with the value of the newest version. */
export interface RequestHandler {
  handle<A extends ApiName>(context: RequestContext, api: A, request: RequestOf<A>): Promise<ResponseOf<A>>
}
