import { kafkaError, type Offset, offset, partitionName, type Timer, type TopicPartition } from '@millrace/kernel'
import {
  buildMarker,
  codecOf,
  lastOffsetDelta,
  producerId,
  stampBaseOffset,
  stampLeaderEpoch,
  stampLogAppendTime,
  type ValidBatch,
} from '@millrace/record/internal'
import { checkAppend } from './append-checks.ts'
import type { CleanableLog } from './cleaner/cleanable-log.ts'
import { DiskHealth, isDiskFull } from './disk-health.ts'
import type { EpochCache } from './epoch-cache.ts'
import { FlushRule } from './flush-rule.ts'
import { GroupCommit } from './group-commit.ts'
import { type LogConfig, logConfig } from './log-config.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
import { LogStart } from './log-start.ts'
import type {
  AbortedRange,
  ActiveProducer,
  Appended,
  AppendOptions,
  EndTransaction,
  LogRead,
  LogTail,
  PartitionLog,
  ReadMemory,
} from './partition-log.ts'
import type { ProducerStates } from './producer-states.ts'
import { recode } from './recode.ts'
import { RollRule } from './roll-rule.ts'
import { Segment } from './segment.ts'
import { SegmentList, type TimedRecord } from './segment-list.ts'
import { SideFiles } from './side-files.ts'
import type { AbortedTransaction } from './transaction-index.ts'
import { WatermarkWaiters } from './watermark-waiters.ts'

/** Between two attempts to write what a full disk had no room for. */
const retryFullMs = 1000
const noOptions: AppendOptions = {}
const noneAborted: readonly AbortedRange[] = []

/** The `PartitionLog` on a disk. */
export class DurablePartition implements PartitionLog, CleanableLog {
  readonly at: TopicPartition
  readonly topicId: string
  readonly directory: string
  recoveryPoint: Offset
  /** Segments up to here are sealed and durable with all that belongs to them. */
  #settledTo: number
  #highWatermark: Offset
  #syncedTo: Offset
  #abortedEnd: Offset
  #config: LogConfig
  #namesChanged = true
  #listener: ((tail: LogTail | undefined) => void) | undefined
  #retryTimer: Timer | undefined
  #swaps = 0
  /** The files say less than is known: one of thousands that nobody wrote to is closed without a sync. */
  #touched: boolean
  readonly #name: string
  readonly #context: LogContext
  readonly #health: DiskHealth
  readonly #segments: SegmentList
  readonly #start: LogStart
  readonly #rollRule: RollRule
  readonly #flushRule: FlushRule
  readonly #sideFiles: SideFiles
  readonly #producers: ProducerStates
  readonly #epochs: EpochCache
  readonly #unsynced = new Set<Segment>()
  readonly #commit: GroupCommit
  readonly #waiters = new WatermarkWaiters()
  readonly #stableWaiters = new WatermarkWaiters()
  #settling: Promise<void> = Promise.resolve()

  constructor(
    context: LogContext,
    of: { at: TopicPartition; topicId: string; directory: string; configs: ReadonlyMap<string, string> },
    recovered: RecoveredLog,
  ) {
    this.#context = context
    this.#commit = new GroupCommit(() => this.#sync(), context.pace)
    this.at = of.at
    this.topicId = of.topicId
    this.directory = of.directory
    this.#name = partitionName(of.at.topic, of.at.partition)
    this.#config = logConfig(of.configs, context.defaults)
    this.#health = new DiskHealth(context, this.#name, (failure) => this.#commit.fail(failure))
    this.#segments = new SegmentList(recovered.segments)
    this.#rollRule = new RollRule(this.#config, context.random)
    this.#flushRule = new FlushRule(context.clock, this.#config, () => this.#syncUnheard())
    this.#sideFiles = new SideFiles(context, of.directory, recovered)
    this.#producers = recovered.producers
    this.#epochs = recovered.epochs
    const started = {
      name: this.#name,
      segments: this.#segments,
      epochs: recovered.epochs,
      isGone: () => this.failure !== undefined,
      fileDeleteDelayMs: () => this.#config.fileDeleteDelayMs,
    }
    this.#start = new LogStart(context, started, recovered.logStart)
    this.recoveryPoint = recovered.recoveryPoint
    this.#settledTo = this.#segments.active.base
    this.#syncedTo = recovered.recoveryPoint
    this.#highWatermark = offset(this.#segments.active.next)
    this.#abortedEnd = this.#segments.abortedEnd()
    this.#touched = recovered.snapshotAt !== this.#highWatermark
  }

  get logStart(): Offset {
    return this.#start.value
  }

  get leaderEpoch(): number {
    return this.#context.leaderEpoch
  }

  get highWatermark(): Offset {
    return this.#highWatermark
  }

  /** An open transaction whose beginning was deleted holds it at the log start. */
  get lastStable(): Offset {
    const open = this.#producers.firstOpen
    if (open === undefined) return this.#highWatermark
    return offset(Math.max(open, this.logStart))
  }

  get syncedTo(): Offset {
    return this.#syncedTo
  }

  get sizeBytes(): number {
    return this.#segments.sizeBytes
  }

  get failure(): Error | undefined {
    return this.#health.failure
  }

  get tail(): LogTail {
    const { active } = this.#segments
    return {
      logStart: this.logStart,
      highWatermark: this.#highWatermark,
      lastStable: this.lastStable,
      abortedEnd: this.#abortedEnd,
      activeBase: offset(active.base),
      activeBytes: active.sizeBytes,
      swaps: this.#swaps,
      directory: this.directory,
    }
  }

  get name(): string {
    return this.#name
  }

  get config(): LogConfig {
    return this.#config
  }

  get segments(): readonly Segment[] {
    return this.#segments.all
  }

  get settledTo(): number {
    return this.#settledTo
  }

  onTail(listener: (tail: LogTail | undefined) => void): void {
    this.#listener = listener
  }

  configure(configs: ReadonlyMap<string, string>): void {
    this.#config = logConfig(configs, this.#context.defaults)
    this.#rollRule.configure(this.#config)
    this.#flushRule.configure(this.#config)
  }

  append(sent: ValidBatch, options: AppendOptions = noOptions): Appended {
    if (this.failure !== undefined) throw this.failure
    const nowMs = this.#context.clock.nowMs()
    const checked = checkAppend(sent, this.#config, nowMs, this.#name, options.origin)
    const { codec } = this.#config
    const batch = codec === undefined || codec === codecOf(sent) ? sent : recode(sent, codec)
    const known = producerId(batch) < 0 ? undefined : this.#producers.check(batch, this.#name, options)
    if (known !== undefined) return { ...known, appendTimeMs: -1, logStart: this.logStart, duplicate: true }
    return this.#write(batch, checked.maxTimestampMs, nowMs)
  }

  appendMarker(marker: EndTransaction): Appended {
    if (this.failure !== undefined) throw this.failure
    const nowMs = this.#context.clock.nowMs()
    this.#producers.checkMarker(marker, this.#name)
    const { commit, coordinatorEpoch, producerId, producerEpoch } = marker
    const type = commit ? 'commit' : 'abort'
    const from = { timestampMs: nowMs, producerId, producerEpoch }
    return this.#write(buildMarker({ type, coordinatorEpoch }, from), nowMs, nowMs)
  }

  producers(): readonly ActiveProducer[] {
    return this.#producers.list()
  }

  expireProducers(beforeMs: number): void {
    this.#producers.expire(beforeMs)
  }

  openTransaction(producerId: number): { readonly firstOffset: Offset; readonly producerEpoch: number } | undefined {
    return this.#producers.openTransaction(producerId)
  }

  abortedBetween(from: Offset, to: Offset): readonly AbortedRange[] {
    return from >= this.#abortedEnd ? noneAborted : this.#segments.abortedBetween(from, to)
  }

  awaitsSync(upTo: Offset): boolean {
    return upTo > this.#syncedTo && this.#context.syncAcksAll
  }

  synced(upTo: Offset): Promise<void> {
    return this.awaitsSync(upTo) ? this.#commit.ask() : Promise.resolve()
  }

  read(from: Offset, bytesMax: number, isolation: 'read_uncommitted' | 'read_committed', memory?: ReadMemory): LogRead {
    if (from < this.logStart || from > this.#highWatermark) {
      const detail = `Offset ${from} is not in [${this.logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.#name, detail)
    }
    const lastStable = this.lastStable
    const committed = isolation === 'read_committed'
    const { bytes, next } = this.#segments.read(from, bytesMax, committed ? lastStable : this.#highWatermark, memory)
    return {
      bytes,
      highWatermark: this.#highWatermark,
      lastStable,
      logStart: this.logStart,
      aborted: committed ? this.abortedBetween(from, offset(next)) : noneAborted,
    }
  }

  offsetForTimestamp(timestampMs: number): TimedRecord | undefined {
    return this.#segments.offsetForTimestamp(timestampMs, this.logStart)
  }

  maxTimestamp(): TimedRecord | undefined {
    return this.#segments.maxTimestamp(this.logStart)
  }

  epochAt(at: Offset): number {
    return this.#epochs.at(at) ?? this.leaderEpoch
  }

  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: Offset } {
    return this.#epochs.endOf(epoch, this.#highWatermark)
  }

  whenPast(past: Offset, callback: () => void): { cancel(): void } {
    const waiting = this.#waiters.add(past, callback)
    if (past < this.#highWatermark) queueMicrotask(() => this.#waiters.passed(this.#highWatermark))
    return waiting
  }

  whenStablePast(past: Offset, callback: () => void): { cancel(): void } {
    const waiting = this.#stableWaiters.add(past, callback)
    if (past < this.lastStable) queueMicrotask(() => this.#stableWaiters.passed(this.lastStable))
    return waiting
  }

  async deleteRecords(before: Offset): Promise<Offset> {
    if (this.failure !== undefined) throw this.failure
    if (!this.#config.deletes) {
      throw kafkaError('POLICY_VIOLATION', this.#name, 'Its cleanup.policy does not have "delete".')
    }
    if (before < 0 || before > this.#highWatermark) {
      const detail = `Offset ${before} is not in [${this.logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.#name, detail)
    }
    if (before > this.#start.durable) await this.alone(() => this.#advanceStart(before))
    return this.logStart
  }

  fail(error: unknown): void {
    this.#health.fail(error)
  }

  async durable(): Promise<void> {
    if (this.#syncedTo < this.#highWatermark || this.#namesChanged) await this.#commit.ask()
  }

  rollNow(): void {
    this.#roll(this.#highWatermark, this.#context.clock.nowMs())
    this.#listener?.(this.tail)
  }

  advanceStart(to: Offset): Promise<void> {
    return this.alone(() => this.#advanceStart(to))
  }

  abortedTransactions(from: number, to: number): readonly AbortedTransaction[] {
    return this.#segments.abortedBetween(from, to)
  }

  beginSwap(): void {
    this.#swaps++
    this.#listener?.(this.tail)
  }

  replaceSegments(replaced: readonly Segment[], by: Segment): void {
    this.#segments.replace(replaced, by)
  }

  endSwap(): void {
    this.#swaps++
    this.#listener?.(this.tail)
  }

  /** Syncs all and writes what makes the next start quick. Rejects when the partition has failed. */
  async close(): Promise<void> {
    this.#flushRule.cancel()
    this.#retryTimer?.cancel()
    await this.#settling
    if (this.failure !== undefined) throw this.failure
    if (this.#touched) {
      await this.durable()
      const { active } = this.#segments
      active.writeIndexes('keep')
      this.#sideFiles.writeSnapshot(this.#highWatermark)
      await this.#sideFiles.sync(active, this.#highWatermark)
    }
    await this.#sideFiles.saveEpochs()
    this.recoveryPoint = this.#highWatermark
  }

  /** Resolves when nothing is under way any more: of a partition that has failed. */
  async idle(): Promise<void> {
    await this.#settling
    await this.#commit.idle()
  }

  /** No file stays open; nothing is written. Whoever waits for more looks again, and finds it gone. */
  abandon(): void {
    this.#listener?.(undefined)
    queueMicrotask(() => {
      this.#waiters.passed(Number.POSITIVE_INFINITY)
      this.#stableWaiters.passed(Number.POSITIVE_INFINITY)
    })
    this.#flushRule.cancel()
    this.#retryTimer?.cancel()
    this.#health.close()
    for (const segment of this.#segments.all) segment.closeFiles()
  }

  #roll(base: Offset, nowMs: number): void {
    this.#touched = true
    const sealed = this.#segments.active
    const next = new Segment(this.directory, base, { pool: this.#context.pool, checks: this.#context.checks, nowMs })
    try {
      next.create()
      sealed.writeIndexes('keep')
      this.#sideFiles.writeSnapshot(base)
    } catch (error) {
      throw this.#refused(error)
    }
    sealed.writeIndexes('seal')
    this.#segments.push(next)
    this.#namesChanged = true
    this.#unsynced.add(sealed)
    this.#unsynced.add(next)
    this.#rollRule.drawJitter()
    void this.alone(() => this.#settle(sealed, base))
  }

  /** One at a time, in the order they were asked for. */
  alone(step: () => Promise<void>): Promise<void> {
    const done = this.#settling.then(step)
    this.#settling = done.catch(() => {})
    return done
  }

  /**
   * In the background after a roll: once the sealed segment is durable with all that belongs to it, recovery may
   * begin behind it.
   */
  async #settle(sealed: Segment, end: Offset): Promise<void> {
    if (this.failure !== undefined) return
    try {
      if (this.#syncedTo < end || this.#namesChanged) await this.#commit.ask()
      await this.#sideFiles.sync(sealed, end)
    } catch (error) {
      this.#health.fail(error)
      return
    }
    await this.#moveRecoveryPoint(end)
  }

  /** A disk that is full only leaves the recovery point where it is, until there is room. */
  async #moveRecoveryPoint(to: Offset): Promise<void> {
    if (this.failure !== undefined) return
    try {
      await this.#sideFiles.saveEpochs()
      if (to > this.recoveryPoint) this.recoveryPoint = to
      this.#settledTo = Math.max(this.#settledTo, to)
      this.#context.recoveryPointMoved()
      if (this.#start.isDropDue(this.#settledTo)) await this.#start.dropBelow(this.#settledTo)
    } catch (error) {
      if (!isDiskFull(error)) this.#health.fail(error)
      else this.#retryTimer = this.#context.clock.after(retryFullMs, () => this.#retry(to), 'background')
    }
  }

  #retry(to: Offset): void {
    void this.alone(() => this.#moveRecoveryPoint(to))
  }

  /**
   * What is deleted was durable before, so the log never ends below its start; and the start is durable before a file
   * goes.
   */
  async #advanceStart(to: Offset): Promise<void> {
    if (this.#syncedTo < to) await this.#commit.ask()
    if (this.failure !== undefined) throw this.failure
    if (to > this.logStart) {
      this.#start.raise(to)
      this.#listener?.(this.tail)
    }
    await this.#start.dropBelow(this.#settledTo)
  }

  /** Stamps and writes a checked batch; from here on readers see it. */
  #write(batch: ValidBatch, maxTimestampMs: number, nowMs: number): Appended {
    this.#touched = true
    const byLog = this.#config.timestampType === 'LogAppendTime'
    const base = this.#highWatermark
    const last = offset(base + lastOffsetDelta(batch))
    const timestampMs = byLog ? nowMs : maxTimestampMs
    if (this.#rollRule.isDue(this.#segments.active, batch.length, last, timestampMs, nowMs)) this.#roll(base, nowMs)
    const { active } = this.#segments
    stampBaseOffset(batch, base)
    stampLeaderEpoch(batch, this.#context.leaderEpoch)
    if (byLog) stampLogAppendTime(batch, nowMs)
    try {
      active.append(batch, this.#config.indexIntervalBytes)
    } catch (error) {
      throw this.#refused(error)
    }
    this.#health.wrote()
    const aborted = this.#producers.update(batch, nowMs)
    if (aborted !== undefined) {
      active.transactions.add(aborted)
      this.#abortedEnd = offset(last + 1)
    }
    this.#epochs.assign(this.#context.leaderEpoch, base)
    this.#unsynced.add(active)
    this.#highWatermark = offset(last + 1)
    this.#flushRule.wrote(this.#highWatermark - this.#syncedTo)
    this.#listener?.(this.tail)
    this.#waiters.passed(this.#highWatermark)
    this.#stableWaiters.passed(this.lastStable)
    return {
      baseOffset: base,
      lastOffset: last,
      appendTimeMs: byLog ? nowMs : -1,
      logStart: this.logStart,
      duplicate: false,
    }
  }

  #refused(error: unknown): Error {
    const { active } = this.#segments
    return this.#health.refused(error, () => active.log.truncate(active.sizeBytes))
  }

  #syncUnheard(): void {
    if (this.failure === undefined) this.#commit.ask().catch(() => {}) // whoever appends next is told
  }

  /** One round of the group commit. What it makes durable is fixed before its first wait. */
  async #sync(): Promise<void> {
    const upTo = this.#highWatermark
    const segments = [...this.#unsynced]
    const names = this.#namesChanged
    this.#unsynced.clear()
    this.#namesChanged = false
    try {
      await Promise.all(segments.map((segment) => this.#context.pool.sync(segment.path('.log'))))
      if (names) await this.#context.pool.syncDirectory(this.directory)
    } catch (error) {
      throw this.#health.fail(error)
    }
    this.#syncedTo = upTo
  }
}
