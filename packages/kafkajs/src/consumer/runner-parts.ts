import type { Assignor, ConsumerOptions } from '@millrace/client'
import type { ConsumerEvents, ConsumerRunConfig } from '../consumer.ts'
import type { Emitter } from '../emitter.ts'
import type { Link } from '../link.ts'
import type { Logger } from '../logger.ts'
import type { GroupWatcher } from '../wire/group-watcher.ts'
import type { PauseBook } from './pause-book.ts'

/** What a run is made of. */
export interface RunnerParts {
  readonly link: Link
  readonly emitter: Emitter
  readonly events: ConsumerEvents
  readonly logger: Logger
  readonly watcher: GroupWatcher
  readonly groupId: string
  readonly topics: readonly string[]
  readonly options: ConsumerOptions
  readonly assignors: readonly Assignor[]
  readonly config: ConsumerRunConfig
  readonly pauses: PauseBook
  readonly maxBytesPerPartition: number
  readonly maxBytes: number
  /** Without a message done or a heartbeat for so long, the program is thought stuck and the group not tended. */
  readonly sessionTimeoutMs: number
  /** Called once, when the run cannot go on. */
  readonly onCrash: (error: Error) => void
}
