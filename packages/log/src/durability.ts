import { kafkaError, type MillraceError, messageOf, type Offset, type Timer } from '@millrace/kernel'
import { isDiskFull } from './disk-health.ts'
import type { EpochCache } from './epoch-cache.ts'
import { FlushRule } from './flush-rule.ts'
import { GroupCommit } from './group-commit.ts'
import type { LogConfig } from './log-config.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { segmentSuffixes } from './segment-names.ts'
import { SideFiles } from './side-files.ts'

/** Between two attempts to write what a full disk had no room for. */
const retryFullMs = 1000
const nothingToSettle = Promise.resolve()
const noSegments: readonly Segment[] = []

/** A partition, as far as its durability is concerned. */
export interface DurableLog {
  readonly name: string
  readonly directory: string
  readonly config: LogConfig
  readonly logStart: Offset
  readonly highWatermark: Offset
  readonly failure: Error | undefined
  /** It takes no more appends. */
  fail(error: unknown): MillraceError
  /** What lies below is not read any more. */
  raiseStart(to: Offset): void
}

/**
 * What of a partition survives a power cut: its appends by group commit, sealed segments with what belongs to them in the
 * background, and where the log starts. An append does not touch it, but where `flush.messages` or `flush.ms` are set.
 */
export class Durability {
  recoveryPoint: Offset
  #syncedTo: Offset
  /** Segments up to here are sealed and durable with all that belongs to them. */
  #settledTo: number
  /** The log start that the checkpoint says. */
  #durableStart: Offset
  /** Of files that were made since the directory was synced. */
  #namesChanged = true
  /** There may be files that the last start did not find. */
  #rollBegan = false
  /** Sealed since the last sync. */
  #sealed = noSegments
  #commit: GroupCommit | undefined
  #flushRule: FlushRule | undefined
  #retryTimer: Timer | undefined
  #settling = nothingToSettle
  readonly #context: LogContext
  readonly #log: DurableLog
  readonly #segments: SegmentList
  readonly #epochs: EpochCache
  readonly #sideFiles: SideFiles

  constructor(context: LogContext, log: DurableLog, segments: SegmentList, recovered: RecoveredLog) {
    this.#context = context
    this.#log = log
    this.#segments = segments
    this.#epochs = recovered.epochs
    this.#sideFiles = new SideFiles(context, log.directory, recovered)
    this.recoveryPoint = recovered.recoveryPoint
    this.#syncedTo = recovered.recoveryPoint
    this.#settledTo = segments.active.base
    this.#durableStart = recovered.logStart
  }

  get syncedTo(): Offset {
    return this.#syncedTo
  }

  get settledTo(): number {
    return this.#settledTo
  }

  get durableStart(): Offset {
    return this.#durableStart
  }

  /** Whether `synced` has something to wait for: false where acks=all does not wait for the disk. */
  awaitsSync(upTo: Offset): boolean {
    return upTo > this.#syncedTo && this.#context.syncAcksAll
  }

  /** Resolves when everything below `upTo` survives a power cut, if acks=all waits for the disk at all. */
  synced(upTo: Offset): Promise<void> {
    return this.awaitsSync(upTo) ? this.#ask() : Promise.resolve()
  }

  /** Resolves when all that is written now survives a power cut, whatever acks=all waits for. */
  async durable(): Promise<void> {
    if (this.#syncedTo < this.#log.highWatermark || this.#namesChanged) await this.#ask()
  }

  /** After an append to a partition whose config has it synced whatever the acks. */
  wrote(): void {
    const { config, highWatermark } = this.#log
    this.#flushRule ??= new FlushRule(this.#context.clock, () => this.#syncUnheard())
    this.#flushRule.wrote(config, highWatermark - this.#syncedTo)
  }

  /**
   * Makes what belongs to the segment that ends, and the next one: last, for where a full disk refuses it, a smaller
   * batch may still find room, and the log goes on past where that one would have begun.
   *
   * @throws what the disk throws: then it may go on
   */
  prepareRoll(sealed: Segment, next: Segment, end: Offset): void {
    this.#rollBegan = true
    sealed.writeIndexes('keep')
    this.#sideFiles.writeSnapshot(end)
    next.create()
  }

  /** The segment is sealed, the next one is active. */
  rolled(sealed: Segment, end: Offset): void {
    this.#namesChanged = true
    this.#segments.active.unsynced = true
    this.#sealed = [...this.#sealed, sealed]
    void this.alone(() => this.#settle(sealed, end))
  }

  /** One at a time, in the order they were asked for. */
  alone(step: () => Promise<void>): Promise<void> {
    const done = this.#settling.then(step)
    this.#settling = done.catch(() => {})
    return done
  }

  /**
   * Moves the log start, alone. What is deleted was durable before, so the log never ends below its start; and the start is durable
   * before a file goes.
   */
  advanceStart(to: Offset): Promise<void> {
    return this.alone(async () => {
      if (this.#syncedTo < to) await this.#ask()
      if (this.#log.failure !== undefined) throw this.#log.failure
      if (to > this.#log.logStart) this.#log.raiseStart(to)
      await this.#dropBelowStart()
    })
  }

  /** The partition has failed: nothing will ever be synced again. */
  fail(failure: Error): void {
    this.#groupCommit.fail(failure)
  }

  /** Resolves when nothing is under way any more: of a partition that has failed. */
  async idle(): Promise<void> {
    await this.#settling
    await this.#commit?.idle()
  }

  /** No timer goes off any more. */
  cancel(): void {
    this.#flushRule?.cancel()
    this.#retryTimer?.cancel()
  }

  /** Syncs all and writes what makes the next start quick. Rejects when the partition has failed. */
  async close(): Promise<void> {
    this.cancel()
    await this.#settling
    const log = this.#log
    if (log.failure !== undefined) throw log.failure
    // One of thousands that nobody wrote to is closed without a sync.
    if (this.#rollBegan || this.#sideFiles.snapshotAt !== log.highWatermark) {
      await this.durable()
      const { active } = this.#segments
      active.writeIndexes('keep')
      this.#sideFiles.writeSnapshot(log.highWatermark)
      await this.#sideFiles.sync(active, log.highWatermark)
    }
    await this.#sideFiles.saveEpochs()
    this.recoveryPoint = log.highWatermark
  }

  get #groupCommit(): GroupCommit {
    this.#commit ??= new GroupCommit(() => this.#sync(), this.#context.pace)
    return this.#commit
  }

  #ask(): Promise<void> {
    return this.#groupCommit.ask()
  }

  #syncUnheard(): void {
    if (this.#log.failure === undefined) this.#ask().catch(() => {}) // whoever appends next is told
  }

  /** One round of the group commit. What it makes durable is fixed before its first wait. */
  async #sync(): Promise<void> {
    const { pool } = this.#context
    const { active } = this.#segments
    const upTo = this.#log.highWatermark
    const segments = active.unsynced ? [...this.#sealed, active] : this.#sealed
    const names = this.#namesChanged
    this.#sealed = noSegments
    active.unsynced = false
    this.#namesChanged = false
    try {
      await Promise.all(segments.map((segment) => pool.sync(segment.path('.log'))))
      if (names) await pool.syncDirectory(this.#log.directory)
    } catch (error) {
      throw this.#log.fail(error)
    }
    this.#syncedTo = upTo
  }

  /**
   * In the background after a roll: once the sealed segment is durable with all that belongs to it, recovery may
   * begin behind it.
   */
  async #settle(sealed: Segment, end: Offset): Promise<void> {
    if (this.#log.failure !== undefined) return
    try {
      if (this.#syncedTo < end || this.#namesChanged) await this.#ask()
      await this.#sideFiles.sync(sealed, end)
    } catch (error) {
      this.#log.fail(error)
      return
    }
    await this.#moveRecoveryPoint(end)
  }

  /** A disk that is full only leaves the recovery point where it is, until there is room. */
  async #moveRecoveryPoint(to: Offset): Promise<void> {
    if (this.#log.failure !== undefined) return
    try {
      await this.#sideFiles.saveEpochs()
      if (to > this.recoveryPoint) this.recoveryPoint = to
      this.#settledTo = Math.max(this.#settledTo, to)
      this.#context.recoveryPointMoved()
      const isDropDue = this.#segments.secondBase <= Math.min(this.#log.logStart, this.#settledTo)
      if (isDropDue) await this.#dropBelowStart()
    } catch (error) {
      if (!isDiskFull(error)) this.#log.fail(error)
      else this.#retryTimer = this.#context.clock.after(retryFullMs, () => this.#retry(to), 'background')
    }
  }

  #retry(to: Offset): void {
    void this.alone(() => this.#moveRecoveryPoint(to))
  }

  /**
   * Makes the start durable, then deletes sealed segments wholly below it. Recovery drops by the same two checkpoints:
   * a power cut may bring back any of the names.
   *
   * @throws KAFKA_STORAGE_ERROR
   */
  async #dropBelowStart(): Promise<void> {
    const { name, config, logStart } = this.#log
    const limit = Math.min(logStart, this.#settledTo)
    try {
      await this.#context.logStartMoved()
    } catch (error) {
      throw kafkaError('KAFKA_STORAGE_ERROR', name, messageOf(error), error)
    }
    if (this.#log.failure !== undefined) return
    this.#durableStart = logStart
    this.#epochs.truncateBefore(logStart)
    while (this.#segments.secondBase <= limit) this.#discard(this.#segments.shift(), config.fileDeleteDelayMs)
  }

  #discard(segment: Segment, delayMs: number): void {
    try {
      segment.closeFiles()
      const paths = segmentSuffixes.map((suffix) => segment.path(suffix))
      this.#context.deleted.discard(paths, delayMs)
    } catch (error) {
      const reason = messageOf(error)
      this.#context.log.warn('a deleted segment stays until the next start', { segment: segment.path('.log'), reason })
    }
  }
}
