import type { Clock, Disk, Log, Metrics, Offset, Random } from '@millrace/kernel'
import type { DeletedFiles } from './deleted-files.ts'
import type { EpochCache } from './epoch-cache.ts'
import type { FilePool } from './file-pool.ts'
import type { ProducerStates } from './producer-states.ts'
import type { RecoveryChecks } from './recovery-checks.ts'
import type { Segment } from './segment.ts'
import type { SyncPace } from './sync-pace.ts'

/** What all partitions of a data directory share. */
export interface LogContext {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  readonly pool: FilePool
  readonly deleted: DeletedFiles
  readonly pace: SyncPace
  readonly checks: RecoveryChecks
  readonly leaderEpoch: number
  /** `acks.all.sync`: false lets `synced` resolve at once. */
  readonly syncAcksAll: boolean
  readonly defaults: ReadonlyMap<string, string>
  /** A partition's recovery point has moved: the checkpoint is to be written. */
  recoveryPointMoved(): void
  /** A partition takes no more appends: whether its disk works again is looked at from time to time. */
  partitionFailed(): void
  /** A partition's log start has moved: resolves when the checkpoints of it and of recovery points are durable. */
  logStartMoved(): Promise<void>
}

/** A partition as recovery found it: at least one segment, the last one active. */
export interface RecoveredLog {
  readonly segments: Segment[]
  readonly producers: ProducerStates
  readonly epochs: EpochCache
  readonly logStart: Offset
  /** Everything below survives a power cut. */
  readonly recoveryPoint: Offset
  /** Where the snapshot of producers stands that was read whole; 0 where there was none. */
  readonly snapshotAt: number
}
