import type { MessagePortLike, MillraceErrorCode } from '@millrace/kernel'
import type { ApiName, Connection, NodeAddress } from '@millrace/protocol/internal'

/** What a thread is handed to reach the engine: structured-cloneable, its port to be moved along. */
export interface ThreadLinkData {
  readonly node: NodeAddress
  readonly port: MessagePortLike
}

/** From a thread to the engine. Ids are the thread's own. */
export type ToEngine =
  | { readonly kind: 'connect'; readonly connection: number }
  | {
      readonly kind: 'send'
      readonly connection: number
      readonly id: number
      readonly api: ApiName
      readonly request: unknown
      readonly timeoutMs: number | undefined
      readonly versionMax: number | undefined
    }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'close'; readonly connection: number }
  | { readonly kind: 'tail'; readonly id: number; readonly topic: string; readonly partition: number }
  /** Which aborted transactions touch [from, to)? */
  | {
      readonly kind: 'aborted'
      readonly id: number
      readonly topic: string
      readonly partition: number
      readonly from: number
      readonly to: number
    }

/** From the engine to a thread. */
export type ToThread =
  | {
      readonly kind: 'connected'
      readonly connection: number
      readonly apiVersions: Connection['apiVersions']
      readonly features: Connection['features']
    }
  | { readonly kind: 'answer'; readonly id: number; readonly response: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError }
  | { readonly kind: 'lost'; readonly connection: number; readonly error: SentError | undefined }
  | { readonly kind: 'tail'; readonly id: number; readonly tail: SentTail | undefined }
  | { readonly kind: 'aborted'; readonly id: number; readonly aborted: SentAborted | undefined }
  /** A partition that somebody waits for has moved. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'closed' }

/** Cloning keeps an error's text and loses its code. */
export interface SentError {
  readonly code: MillraceErrorCode
  readonly message: string
}

/** The aborted transactions of a range; undefined in its place: the partition is gone. */
export interface SentAborted {
  /** By now. Of what lies below it the list says nothing. */
  readonly logStart: number
  readonly transactions: readonly { readonly producerId: number; readonly firstOffset: number }[]
}

export interface SentTail {
  readonly directory: string
  readonly topicId: string
  readonly leaderEpoch: number
  readonly memory: SharedArrayBuffer
}
