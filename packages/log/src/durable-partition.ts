import { Buffer } from 'node:buffer'
import {
  codeOf,
  kafkaError,
  type MillraceError,
  messageOf,
  type Offset,
  offset,
  partitionName,
  type Timer,
  type TopicPartition,
} from '@millrace/kernel'
import {
  BatchCursor,
  codecOf,
  lastOffsetDelta,
  leaderEpoch,
  producerId,
  stampBaseOffset,
  stampLeaderEpoch,
  stampLogAppendTime,
  type ValidBatch,
} from '@millrace/record/internal'
import { checkAppend } from './append-checks.ts'
import type { EpochCache } from './epoch-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { type LogConfig, logConfig } from './log-config.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
import type { Appended, LogRead, LogTail, PartitionLog } from './partition-log.ts'
import type { ProducerStates } from './producer-states.ts'
import { recode } from './recode.ts'
import { Segment } from './segment.ts'
import { segmentPath, segmentSuffixes } from './segment-names.ts'
import { WatermarkWaiters } from './watermark-waiters.ts'

const emptyBytes: Buffer = Buffer.alloc(0)
const timerMaxMs = 2_147_483_647

/** The `PartitionLog` on a disk. */
export class DurablePartition implements PartitionLog {
  readonly at: TopicPartition
  readonly topicId: string
  readonly directory: string
  recoveryPoint: Offset
  /** Segments up to here are sealed and durable with all that belongs to them. */
  #settledTo: number
  /** Of the newest snapshot: it is never written again, a power cut would leave half of it. */
  #snapshotAt: number
  #logStart: Offset
  /** What the checkpoint says. */
  #durableStart: Offset
  #highWatermark: Offset
  #syncedTo: Offset
  #failure: MillraceError | undefined
  /** The last append found no room. */
  #full = false
  #config: LogConfig
  #active: Segment
  #rollAfterMs = Number.POSITIVE_INFINITY
  #namesChanged = true
  #listener: ((tail: LogTail) => void) | undefined
  #flushTimer: Timer | undefined
  readonly #name: string
  readonly #context: LogContext
  readonly #segments: Segment[]
  readonly #producers: ProducerStates
  readonly #openTransaction: Offset | undefined
  readonly #epochs: EpochCache
  readonly #unsynced = new Set<Segment>()
  readonly #commit: GroupCommit
  readonly #waiters = new WatermarkWaiters()
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
    this.#segments = recovered.segments
    this.#active = recovered.segments.at(-1)!
    this.#producers = recovered.producers
    this.#openTransaction = recovered.producers.firstOpenTransaction()
    this.#epochs = recovered.epochs
    this.#logStart = recovered.logStart
    this.#durableStart = recovered.logStart
    this.recoveryPoint = recovered.recoveryPoint
    this.#settledTo = this.#active.base
    this.#snapshotAt = recovered.snapshotAt
    this.#syncedTo = recovered.recoveryPoint
    this.#highWatermark = offset(this.#active.next)
    this.#drawJitter()
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

  /** Nobody can open a transaction yet; one that was found in the log stays open. */
  get lastStable(): Offset {
    return this.#openTransaction ?? this.#highWatermark
  }

  get syncedTo(): Offset {
    return this.#syncedTo
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  get tail(): LogTail {
    return {
      logStart: this.logStart,
      highWatermark: this.#highWatermark,
      lastStable: this.lastStable,
      activeBase: offset(this.#active.base),
      activeBytes: this.#active.sizeBytes,
      directory: this.directory,
    }
  }

  onTail(listener: (tail: LogTail) => void): void {
    this.#listener = listener
  }

  configure(configs: ReadonlyMap<string, string>): void {
    this.#config = logConfig(configs, this.#context.defaults)
    this.#drawJitter()
  }

  append(sent: ValidBatch): Appended {
    if (this.#failure !== undefined) throw this.#failure
    const nowMs = this.#context.clock.nowMs()
    const checked = checkAppend(sent, this.#config, nowMs, this.#name)
    const { codec } = this.#config
    const batch = codec === undefined || codec === codecOf(sent) ? sent : recode(sent, codec)
    const known = producerId(batch) < 0 ? undefined : this.#producers.check(batch, this.#name)
    if (known !== undefined) return { ...known, appendTimeMs: -1, logStart: this.logStart, duplicate: true }

    const byLog = this.#config.timestampType === 'LogAppendTime'
    const base = this.#highWatermark
    const last = offset(base + lastOffsetDelta(batch))
    if (this.#isRollDue(batch.length, last, byLog ? nowMs : checked.maxTimestampMs, nowMs)) this.#roll(base, nowMs)
    stampBaseOffset(batch, base)
    stampLeaderEpoch(batch, this.#context.leaderEpoch)
    if (byLog) stampLogAppendTime(batch, nowMs)
    this.#write(batch)
    this.#producers.update(batch)
    this.#epochs.assign(this.#context.leaderEpoch, base)
    this.#unsynced.add(this.#active)
    this.#highWatermark = offset(last + 1)
    this.#flushIfDue()
    this.#listener?.(this.tail)
    this.#waiters.passed(this.#highWatermark)
    return {
      baseOffset: base,
      lastOffset: last,
      appendTimeMs: byLog ? nowMs : -1,
      logStart: this.logStart,
      duplicate: false,
    }
  }

  synced(upTo: Offset): Promise<void> {
    if (upTo <= this.#syncedTo || !this.#context.syncAcksAll) return Promise.resolve()
    return this.#commit.ask()
  }

  read(from: Offset, bytesMax: number, isolation: 'read_uncommitted' | 'read_committed'): LogRead {
    if (from < this.logStart || from > this.#highWatermark) {
      const detail = `Offset ${from} is not in [${this.logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.#name, detail)
    }
    const lastStable = this.lastStable
    const limit = isolation === 'read_committed' ? Math.min(lastStable, this.#highWatermark) : this.#highWatermark
    return {
      bytes: this.#readBelow(from, bytesMax, limit),
      highWatermark: this.#highWatermark,
      lastStable,
      logStart: this.logStart,
      aborted: [],
    }
  }

  offsetForTimestamp(timestampMs: number) {
    for (const segment of this.#segments) {
      if (segment.maxTimestampMs < timestampMs) continue
      let step = segment.locateTime(timestampMs, this.#logStart)
      for (; step !== undefined; step = segment.locateTime(timestampMs, this.#logStart, step)) {
        const batch = segment.batchAt(step)
        const cursor = new BatchCursor().open(batch)
        while (cursor.next()) {
          if (cursor.timestampMs < timestampMs || cursor.offset < this.#logStart) continue
          return { offset: cursor.offset, timestampMs: cursor.timestampMs, leaderEpoch: leaderEpoch(batch) }
        }
      }
    }
    return undefined
  }

  maxTimestamp() {
    let largest = -1
    for (const segment of this.#segments) largest = Math.max(largest, segment.maxTimestampFrom(this.#logStart))
    return largest < 0 ? undefined : this.offsetForTimestamp(largest)
  }

  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: Offset } {
    return this.#epochs.endOf(epoch, this.#highWatermark)
  }

  whenPast(past: Offset, callback: () => void): { cancel(): void } {
    const waiting = this.#waiters.add(past, callback)
    if (past < this.#highWatermark) queueMicrotask(() => this.#waiters.passed(this.#highWatermark))
    return waiting
  }

  async deleteRecords(before: Offset): Promise<Offset> {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#config.deletes) {
      throw kafkaError('POLICY_VIOLATION', this.#name, 'Its cleanup.policy does not have "delete".')
    }
    if (before < 0 || before > this.#highWatermark) {
      const detail = `Offset ${before} is not in [${this.#logStart}, ${this.#highWatermark}].`
      throw kafkaError('OFFSET_OUT_OF_RANGE', this.#name, detail)
    }
    if (before > this.#durableStart) await this.#inBackground(() => this.#advanceStart(before))
    return this.#logStart
  }

  /** Syncs all and writes what makes the next start quick. Rejects when the partition has failed. */
  async close(): Promise<void> {
    this.#flushTimer?.cancel()
    await this.#settling
    if (this.#failure !== undefined) throw this.#failure
    if (this.#syncedTo < this.#highWatermark || this.#namesChanged) await this.#commit.ask()
    this.#active.writeIndexes('keep')
    this.#writeSnapshot(this.#highWatermark)
    await this.#syncSideFiles(this.#active, this.#highWatermark)
    this.recoveryPoint = this.#highWatermark
  }

  /** No file stays open; nothing is written. */
  abandon(): void {
    this.#flushTimer?.cancel()
    this.#failure ??= kafkaError('KAFKA_STORAGE_ERROR', this.#name, 'The log is closed.')
    for (const segment of this.#segments) segment.closeFiles()
  }

  #readBelow(from: Offset, bytesMax: number, limit: number): Buffer {
    if (from >= limit) return emptyBytes
    for (let i = this.#segmentAt(from); i < this.#segments.length; i++) {
      const segment = this.#segments[i]!
      const step = segment.locate(from)
      if (step === undefined) continue
      if (step.baseOffset >= limit) return emptyBytes
      const end = limit < segment.next ? (segment.locate(limit)?.position ?? segment.sizeBytes) : segment.sizeBytes
      return segment.read(step.position, bytesMax, end)
    }
    return emptyBytes
  }

  /** The last segment whose base is at or below `target`. */
  #segmentAt(target: number): number {
    if (target >= this.#active.base) return this.#segments.length - 1
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.base <= target) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Kafka's `LogSegment.shouldRoll`. Time is measured on record timestamps, so replayed history rolls as it did. */
  #isRollDue(bytes: number, last: number, timestampMs: number, nowMs: number): boolean {
    const active = this.#active
    if (active.sizeBytes === 0) return active.isFullFor(last, Number.POSITIVE_INFINITY)
    if (active.sizeBytes + bytes > this.#config.segmentBytes) return true
    const sinceMs = active.firstTimestampMs >= 0 ? timestampMs - active.firstTimestampMs : nowMs - active.createdMs
    return sinceMs > this.#rollAfterMs || active.isFullFor(last, this.#config.segmentIndexBytes)
  }

  #roll(base: Offset, nowMs: number): void {
    const sealed = this.#active
    const next = new Segment(this.directory, base, { pool: this.#context.pool, checks: this.#context.checks, nowMs })
    try {
      next.create()
      sealed.writeIndexes('keep')
      this.#writeSnapshot(base)
    } catch (error) {
      throw this.#diskFailed(error)
    }
    sealed.writeIndexes('seal')
    this.#segments.push(next)
    this.#active = next
    this.#namesChanged = true
    this.#unsynced.add(sealed)
    this.#unsynced.add(next)
    this.#drawJitter()
    void this.#inBackground(() => this.#settle(sealed, base))
  }

  /** One at a time, in the order they were asked for. */
  #inBackground(step: () => Promise<void>): Promise<void> {
    const done = this.#settling.then(step)
    this.#settling = done.catch(() => {})
    return done
  }

  /**
   * In the background after a roll: once the sealed segment is durable with all that belongs to it, recovery may
   * begin behind it.
   */
  async #settle(sealed: Segment, end: Offset): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      if (this.#syncedTo < end || this.#namesChanged) await this.#commit.ask()
      await this.#syncSideFiles(sealed, end)
      this.recoveryPoint = end
      this.#settledTo = end
      this.#context.recoveryPointMoved()
      if (this.#isDropDue) await this.#dropBelowStart()
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * What is deleted was durable before, so the log never ends below its start; and the start is durable before a file
   * goes.
   */
  async #advanceStart(to: Offset): Promise<void> {
    if (this.#syncedTo < to) await this.#commit.ask()
    if (this.#failure !== undefined) throw this.#failure
    if (to > this.#logStart) {
      this.#logStart = to
      this.#listener?.(this.tail)
    }
    await this.#dropBelowStart()
  }

  get #isDropDue(): boolean {
    return (this.#segments[1]?.base ?? Number.POSITIVE_INFINITY) <= Math.min(this.#logStart, this.#settledTo)
  }

  /**
   * Deletes sealed segments wholly below the log start. Recovery drops by the same two checkpoints: a power cut may
   * bring back any of the names.
   */
  async #dropBelowStart(): Promise<void> {
    const start = this.#logStart
    const limit = Math.min(start, this.#settledTo)
    try {
      await this.#context.logStartMoved()
    } catch (error) {
      throw kafkaError('KAFKA_STORAGE_ERROR', this.#name, messageOf(error), error)
    }
    if (this.#failure !== undefined) return // the partition was deleted meanwhile
    this.#durableStart = start
    this.#epochs.truncateBefore(start)
    while ((this.#segments[1]?.base ?? Number.POSITIVE_INFINITY) <= limit) this.#drop(this.#segments.shift()!)
  }

  #drop(segment: Segment): void {
    try {
      segment.closeFiles()
      for (const suffix of segmentSuffixes) this.#context.disk.remove(segment.path(suffix))
    } catch (error) {
      const reason = messageOf(error)
      this.#context.log.warn('a deleted segment stays until the next start', { segment: segment.path('.log'), reason })
    }
  }

  async #syncSideFiles(segment: Segment, end: Offset): Promise<void> {
    const { pool, disk } = this.#context
    const paths = [segment.path('.index'), segment.path('.timeindex')]
    if (end > 0) paths.push(segmentPath(this.directory, end, '.snapshot'))
    await Promise.all(paths.map((path) => pool.sync(path)))
    await this.#epochs.save(disk, this.directory)
    await disk.syncDirectory(this.directory)
    pool.close(segmentPath(this.directory, end, '.snapshot'))
  }

  #writeSnapshot(end: Offset): void {
    if (end === this.#snapshotAt) return
    const bytes = this.#producers.encode()
    const file = this.#context.pool.use(segmentPath(this.directory, end, '.snapshot'), 'open-or-create')
    file.truncate(bytes.length)
    file.write(bytes, 0, bytes.length, 0)
    this.#snapshotAt = end
  }

  #write(batch: ValidBatch): void {
    try {
      this.#active.append(batch, this.#config.indexIntervalBytes)
      if (this.#full) this.#tellFull(undefined)
    } catch (error) {
      throw this.#diskFailed(error)
    }
  }

  /**
   * What a refused write becomes. A full disk may get room again: the part that was written is cut off and the log
   * goes on.
   */
  #diskFailed(error: unknown): MillraceError {
    if (codeOf(error) === 'DISK_FULL') {
      try {
        this.#active.log.truncate(this.#active.sizeBytes)
        if (!this.#full) this.#tellFull(error)
        return kafkaError('KAFKA_STORAGE_ERROR', this.#name, messageOf(error), error)
      } catch (second) {
        return this.#fail(second)
      }
    }
    return this.#fail(error)
  }

  /** Once when it becomes full and once when there is room again: in between, producers try and try. */
  #tellFull(error: unknown): void {
    this.#full = error !== undefined
    const { log } = this.#context
    if (this.#full) log.error('no append until there is room', { partition: this.#name, reason: messageOf(error) })
    else log.warn('there is room again', { partition: this.#name })
  }

  #fail(error: unknown): MillraceError {
    if (this.#failure !== undefined) return this.#failure
    const failure = kafkaError('KAFKA_STORAGE_ERROR', this.#name, messageOf(error), error)
    this.#failure = failure
    this.#commit.fail(failure)
    const { metrics, log } = this.#context
    metrics
      .counter('millrace_log_partitions_failed_total', 'Partitions that refuse appends since their disk failed.')
      .add()
    log.error('the partition takes no more appends: its disk has failed', {
      partition: this.#name,
      reason: failure.message,
    })
    return failure
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
      if (names) await this.#context.disk.syncDirectory(this.directory)
    } catch (error) {
      throw this.#fail(error)
    }
    this.#syncedTo = upTo
  }

  #flushIfDue(): void {
    const { flushMessages, flushMs } = this.#config
    if (this.#highWatermark - this.#syncedTo >= flushMessages) void this.#commit.ask().catch(() => {})
    if (flushMs > timerMaxMs || this.#flushTimer !== undefined) return
    const due = () => {
      this.#flushTimer = undefined
      if (this.#failure === undefined) void this.#commit.ask().catch(() => {})
    }
    this.#flushTimer = this.#context.clock.after(flushMs, due, 'background')
  }

  #drawJitter(): void {
    const { segmentMs, segmentJitterMs } = this.#config
    const jitterMs = segmentJitterMs === 0 ? 0 : this.#context.random.integer(Math.min(segmentJitterMs, segmentMs))
    this.#rollAfterMs = segmentMs - jitterMs
  }
}
