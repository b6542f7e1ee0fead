import {
  kafkaError,
  type MillraceError,
  type Offset,
  offset,
  partitionName,
  type TopicPartition,
} from '@millrace/kernel'
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
import { DiskHealth } from './disk-health.ts'
import { Durability, type DurableLog } from './durability.ts'
import type { EpochCache } from './epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
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
import { drawRollMs, isRollDue } from './roll-rule.ts'
import { Segment } from './segment.ts'
import { SegmentList, type TimedRecord } from './segment-list.ts'
import type { AbortedTransaction } from './transaction-index.ts'
import { WatermarkWaiters } from './watermark-waiters.ts'

const noOptions: AppendOptions = {}
const noneAborted: readonly AbortedRange[] = []

/**
 * The `PartitionLog` on a disk. Of ten thousand, each is far from the processor when its turn comes: an append reads what stands here
 * and in the active segment, and what not every partition needs is made when it is needed.
 */
export class DurablePartition implements PartitionLog, CleanableLog, DurableLog {
  // What an append reads stands together, first.
  readonly #context: LogContext
  #config: LogConfig
  readonly name: string
  readonly #producers: ProducerStates
  #active: Segment
  #highWatermark: Offset
  #logStart: Offset
  /** Time after which the active segment is full. */
  #rollMs: number
  #hasEpoch = false
  #health: DiskHealth | undefined
  #listener: ((tail: LogTail | undefined) => void) | undefined
  #waiters: WatermarkWaiters | undefined
  #stableWaiters: WatermarkWaiters | undefined
  readonly #segments: SegmentList
  #abortedEnd: Offset
  #swaps = 0
  readonly at: TopicPartition
  readonly topicId: string
  readonly directory: string
  readonly #epochs: EpochCache
  readonly #durability: Durability

  constructor(
    context: LogContext,
    of: { at: TopicPartition; topicId: string; directory: string; config: LogConfig },
    recovered: RecoveredLog,
  ) {
    this.#context = context
    this.at = of.at
    this.topicId = of.topicId
    this.directory = of.directory
    this.name = partitionName(of.at.topic, of.at.partition)
    this.#config = of.config
    this.#segments = new SegmentList(recovered.segments)
    this.#active = this.#segments.active
    this.#rollMs = drawRollMs(of.config, context.random)
    this.#producers = recovered.producers
    this.#epochs = recovered.epochs
    this.#logStart = recovered.logStart
    this.#highWatermark = offset(this.#active.next)
    this.#abortedEnd = this.#segments.abortedEnd()
    this.#durability = new Durability(context, this, this.#segments, recovered)
  }

  get logStart(): Offset {
    return this.#logStart
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
    return offset(Math.max(open, this.#logStart))
  }

  get syncedTo(): Offset {
    return this.#durability.syncedTo
  }

  get recoveryPoint(): Offset {
    return this.#durability.recoveryPoint
  }

  get sizeBytes(): number {
    return this.#segments.sizeBytes
  }

  get failure(): Error | undefined {
    return this.#health?.failure
  }

  get tail(): LogTail {
    const active = this.#active
    return {
      logStart: this.#logStart,
      highWatermark: this.#highWatermark,
      lastStable: this.lastStable,
      abortedEnd: this.#abortedEnd,
      activeBase: offset(active.base),
      activeBytes: active.sizeBytes,
      swaps: this.#swaps,
      directory: this.directory,
    }
  }

  get config(): LogConfig {
    return this.#config
  }

  get segments(): readonly Segment[] {
    return this.#segments.all
  }

  get settledTo(): number {
    return this.#durability.settledTo
  }

  onTail(listener: (tail: LogTail | undefined) => void): void {
    this.#listener = listener
  }

  /** Applied at once. @param config shared by all partitions of the topic */
  configure(config: LogConfig): void {
    this.#config = config
    this.#rollMs = drawRollMs(config, this.#context.random)
  }

  append(sent: ValidBatch, options: AppendOptions = noOptions): Appended {
    if (this.failure !== undefined) throw this.failure
    const nowMs = this.#context.clock.nowMs()
    const checked = checkAppend(sent, this.#config, nowMs, this.name, options.origin)
    const { codec } = this.#config
    const batch = codec === undefined || codec === codecOf(sent) ? sent : recode(sent, codec)
    const known = producerId(batch) < 0 ? undefined : this.#producers.check(batch, this.name, options)
    if (known !== undefined) return { ...known, appendTimeMs: -1, logStart: this.logStart, duplicate: true }
    return this.#write(batch, checked.maxTimestampMs, nowMs)
  }

  appendMarker(marker: EndTransaction): Appended {
    if (this.failure !== undefined) throw this.failure
    const nowMs = this.#context.clock.nowMs()
    this.#producers.checkMarker(marker, this.name)
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
    return this.#durability.awaitsSync(upTo)
  }

  synced(upTo: Offset): Promise<void> {
    return this.#durability.synced(upTo)
  }

  read(from: Offset, bytesMax: number, isolation: 'read_uncommitted' | 'read_committed', memory?: ReadMemory): LogRead {
    if (from < this.logStart || from > this.#highWatermark) {
      const detail = `Offset ${from} is not in [${this.logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.name, detail)
    }
    const lastStable = this.lastStable
    const committed = isolation === 'read_committed'
    const end = committed ? lastStable : this.#highWatermark
    const read = this.#segments.read(from, bytesMax, end, memory)
    const { bytes } = read
    const next = bytes.length === 0 ? from : offset(read.next)
    return {
      bytes,
      next,
      highWatermark: this.#highWatermark,
      lastStable,
      logStart: this.logStart,
      aborted: committed ? this.abortedBetween(from, next) : noneAborted,
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
    this.#waiters ??= new WatermarkWaiters()
    const waiting = this.#waiters.add(past, callback)
    if (past < this.#highWatermark) queueMicrotask(() => this.#waiters?.passed(this.#highWatermark))
    return waiting
  }

  whenStablePast(past: Offset, callback: () => void): { cancel(): void } {
    this.#stableWaiters ??= new WatermarkWaiters()
    const waiting = this.#stableWaiters.add(past, callback)
    if (past < this.lastStable) queueMicrotask(() => this.#stableWaiters?.passed(this.lastStable))
    return waiting
  }

  async deleteRecords(before: Offset): Promise<Offset> {
    if (this.failure !== undefined) throw this.failure
    if (!this.#config.deletes) {
      throw kafkaError('POLICY_VIOLATION', this.name, 'Its cleanup.policy does not have "delete".')
    }
    if (before < 0 || before > this.#highWatermark) {
      const detail = `Offset ${before} is not in [${this.logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.name, detail)
    }
    if (before > this.#durability.durableStart) await this.advanceStart(before)
    return this.logStart
  }

  fail(error: unknown): MillraceError {
    return this.#troubles.fail(error)
  }

  durable(): Promise<void> {
    return this.#durability.durable()
  }

  rollNow(): void {
    this.#roll(this.#highWatermark, this.#context.clock.nowMs())
    this.#listener?.(this.tail)
  }

  advanceStart(to: Offset): Promise<void> {
    return this.#durability.advanceStart(to)
  }

  raiseStart(to: Offset): void {
    this.#logStart = to
    this.#listener?.(this.tail)
  }

  alone(step: () => Promise<void>): Promise<void> {
    return this.#durability.alone(step)
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
  close(): Promise<void> {
    return this.#durability.close()
  }

  /** Resolves when nothing is under way any more: of a partition that has failed. */
  idle(): Promise<void> {
    return this.#durability.idle()
  }

  /** No file stays open; nothing is written. Whoever waits for more looks again, and finds it gone. */
  abandon(): void {
    this.#listener?.(undefined)
    this.wake()
    this.#durability.cancel()
    this.#troubles.close()
    for (const segment of this.#segments.all) segment.closeFiles()
  }

  /** Whoever waits for more looks again. */
  wake(): void {
    queueMicrotask(() => {
      this.#waiters?.passed(Number.POSITIVE_INFINITY)
      this.#stableWaiters?.passed(Number.POSITIVE_INFINITY)
    })
  }

  #roll(base: Offset, nowMs: number): void {
    const sealed = this.#active
    const next = new Segment(this.directory, base, { pool: this.#context.pool, checks: this.#context.checks, nowMs })
    try {
      this.#durability.prepareRoll(sealed, next, base)
    } catch (error) {
      throw this.#refused(error)
    }
    sealed.writeIndexes('seal')
    this.#segments.push(next)
    this.#active = next
    this.#rollMs = drawRollMs(this.#config, this.#context.random)
    this.#durability.rolled(sealed, base)
  }

  /** Stamps and writes a checked batch; from here on readers see it. */
  #write(batch: ValidBatch, maxTimestampMs: number, nowMs: number): Appended {
    const config = this.#config
    const byLog = config.timestampType === 'LogAppendTime'
    const base = this.#highWatermark
    const last = offset(base + lastOffsetDelta(batch))
    const next = { sizeBytes: batch.length, lastOffset: last, maxTimestampMs: byLog ? nowMs : maxTimestampMs }
    if (isRollDue(this.#active, next, config, this.#rollMs, nowMs)) this.#roll(base, nowMs)
    const active = this.#active
    stampBaseOffset(batch, base)
    stampLeaderEpoch(batch, this.#context.leaderEpoch)
    if (byLog) stampLogAppendTime(batch, nowMs)
    try {
      active.append(batch, config.indexIntervalBytes)
    } catch (error) {
      throw this.#refused(error)
    }
    this.#health?.wrote()
    const aborted = producerId(batch) < 0 ? undefined : this.#producers.update(batch, nowMs)
    if (aborted !== undefined) {
      active.transactions.add(aborted)
      this.#abortedEnd = offset(last + 1)
    }
    if (!this.#hasEpoch) this.#beginEpoch(base)
    this.#highWatermark = offset(last + 1)
    if (config.flushes) this.#durability.wrote()
    this.#listener?.(this.tail)
    this.#waiters?.passed(this.#highWatermark)
    this.#stableWaiters?.passed(this.lastStable)
    return {
      baseOffset: base,
      lastOffset: last,
      appendTimeMs: byLog ? nowMs : -1,
      logStart: this.#logStart,
      duplicate: false,
    }
  }

  /** The first append of this run; no later one is of another epoch. */
  #beginEpoch(base: Offset): void {
    this.#epochs.assign(this.#context.leaderEpoch, base)
    this.#hasEpoch = true
  }

  /** Made by the first error. */
  get #troubles(): DiskHealth {
    this.#health ??= new DiskHealth(this.#context, this.name, (failure) => this.#durability.fail(failure))
    return this.#health
  }

  #refused(error: unknown): MillraceError {
    const active = this.#active
    return this.#troubles.refused(error, () => active.log.truncate(active.sizeBytes))
  }
}
