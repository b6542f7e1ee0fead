import type { ResolvedStreamsOptions } from './streams-options.ts'

/** Where a worker finds the topology: it imports the module and builds the same one. */
export interface TopologyModule {
  /** URL of the module, TypeScript or JavaScript. */
  readonly url: string
  /** @default 'default' */
  readonly exportName: string
}

/** What a stream thread is started with: structured-cloneable data only. */
export interface StreamThreadData {
  readonly module: TopologyModule
  /** Of the topology that the starter built; a thread that builds another refuses to start. */
  readonly fingerprint: string
  readonly options: ResolvedStreamsOptions
  /** From 0. With the process's identity it names the thread in the group. */
  readonly index: number
  readonly processId: string
  /** `host:port` where this process answers queries, for other processes of the application. */
  readonly endpoint: string | undefined
}

export type ThreadState = 'starting' | 'rebalancing' | 'restoring' | 'running' | 'stopped' | 'failed'

/** Records that went through one input topic of a thread. */
export interface SourceProgress {
  readonly topic: string
  readonly records: number
  /** Records not processed yet, up to the ends last seen, over this thread's partitions. */
  readonly lag: number
}

export interface ThreadStatus {
  readonly state: ThreadState
  readonly tasks: readonly string[]
  readonly sources: readonly SourceProgress[]
  /** Read from changelogs since the thread started. */
  readonly restoredRecords: number
  /** Still to be read from changelogs before every task runs. */
  readonly restoreLag: number
  /** By counter name: late records, records a serde or a function refused, … */
  readonly dropped: Readonly<Record<string, number>>
  readonly commits: number
  /** Topics of the user that do not exist and that a `starting` thread waits for; undefined: none. */
  readonly waitingFor?: readonly string[] | undefined
  /** Why it is `failed`; undefined otherwise. */
  readonly failure?: ThreadFailure | undefined
}

/** What a thread died of, as data. */
export interface ThreadFailure {
  readonly code: string
  readonly message: string
}

/** A question about a store's key. Keys come as text, as in a URL. */
export interface StoreQuery {
  readonly store: string
  readonly key: string
  /** Window starts, `fromMs <= start < toMs`. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** A window of an answer. `start` and `end` in milliseconds since 1970. */
export interface WindowAnswer {
  readonly start: number
  readonly end: number
  readonly value: unknown
}

export type QueryAnswer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'windows'; readonly windows: readonly WindowAnswer[] }
  | { readonly kind: 'missing' }
  /** This thread does not have the task. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'restoring'; readonly lag: number }
  | { readonly kind: 'refused'; readonly message: string }

export type ToThread =
  | { readonly type: 'stop' }
  | { readonly type: 'query'; readonly id: number; readonly query: StoreQuery }

export type FromThread =
  | { readonly type: 'status'; readonly status: ThreadStatus }
  | { readonly type: 'answer'; readonly id: number; readonly answer: QueryAnswer }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

export function isStreamThreadData(data: unknown): data is StreamThreadData {
  return typeof data === 'object' && data !== null && 'module' in data && 'options' in data && 'processId' in data
}

export function isToThread(message: unknown): message is ToThread {
  return hasType(message) && (message.type === 'stop' || message.type === 'query')
}

export function isFromThread(message: unknown): message is FromThread {
  return hasType(message) && (message.type === 'status' || message.type === 'answer' || message.type === 'failed')
}

function hasType(message: unknown): message is { readonly type: unknown } {
  return typeof message === 'object' && message !== null && 'type' in message
}
