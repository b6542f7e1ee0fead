import type { ConfigValue } from '@millrace/connect-api'

/**
 * Everything a task needs to run, as plain data that a worker thread can be handed. Holds secrets: never stored,
 * never logged.
 */
export interface TaskSpec {
  /** The connector's name. */
  readonly connector: string
  /** The kind, `file-source`. */
  readonly kind: string
  readonly task: number
  readonly config: Readonly<Record<string, ConfigValue>>
  readonly secrets: readonly string[]
  /** Topic where positions of sources are kept. */
  readonly offsetTopic: string
  /** Relative paths are taken from here. */
  readonly baseDirectory: string
  /** `host:port` where commands reach the cluster. */
  readonly address?: string | undefined
}

/** `retrying` and `waiting` are told beside RUNNING: the task lives, and waits for its system or for a topic. */
export type TaskEvent =
  | { readonly type: 'running' }
  | { readonly type: 'paused' }
  | { readonly type: 'retrying'; readonly reason: string; readonly sinceMs: number }
  | { readonly type: 'recovered' }
  /** undefined: no longer. */
  | { readonly type: 'waiting'; readonly reason: string | undefined }

/** How a task ended. `completed`: a source has read everything there will ever be. */
export type TaskEnd =
  | { readonly type: 'stopped' }
  | { readonly type: 'completed' }
  | { readonly type: 'failed'; readonly message: string; readonly trace: string; readonly code: string | undefined }
