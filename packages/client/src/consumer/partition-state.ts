import type { Gauge, Offset, TopicPartition } from '@millrace/kernel'
import type { PolledBatch } from '../records.ts'
import type { Reset } from './offset-reset.ts'

/** Where one consumer stands in one partition, and what it has fetched of it and not yet given out. */
export class PartitionState implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Of the next record `poll` returns. */
  position: Offset | undefined
  /** Of the next byte to fetch: behind what is buffered. */
  fetchFrom: Offset | undefined
  /** Of the last batch given out or the commit that was resumed; -1 unknown. */
  leaderEpoch = -1
  /** The leader epoch that the position has been checked under. */
  checkedIn = -1
  checking = false
  paused = false
  /** The policy that will find the position, when there is none. */
  reset: Reset | undefined
  readonly buffered: PolledBatch[] = []
  bufferedBytes = 0
  /** The version of this state that a fetch is under way for; -1: none. */
  fetchingVersion = -1
  /** The version of this state that a position is looked for; -1: none is. */
  #findingVersion = -1
  /** Raised by everything that makes an answer on its way worthless. */
  version = 0
  /** Not before this, by the monotonic clock. */
  retryAtMs = 0
  /** What a reader of this isolation may see up to; undefined before the first answer. */
  end: Offset | undefined
  logStart: Offset | undefined
  failures = 0
  /** The position has moved past what is not for users, and nobody was told yet. */
  hasSkipped = false
  lagGauge: Gauge | undefined
  /** Where the leader has sent us for a while (KIP-392). */
  replica: { readonly nodeId: number; readonly untilMs: number } | undefined

  constructor(at: TopicPartition) {
    this.topic = at.topic
    this.partition = at.partition
  }

  /** Stands somewhere else: what was fetched is dropped. */
  moveTo(position: Offset | undefined, leaderEpoch = -1): void {
    this.position = position
    this.leaderEpoch = leaderEpoch
    this.checkedIn = -1
    this.fetchFrom = position
    this.reset = undefined
    this.discard()
  }

  /** Drops what is buffered and whatever is under way. */
  discard(): void {
    this.buffered.length = 0
    this.bufferedBytes = 0
    this.version++
    this.fetchFrom = this.position
  }

  keep(batch: PolledBatch): void {
    this.buffered.push(batch)
    this.bufferedBytes += batch.batch.length
    this.fetchFrom = batch.next
  }

  /** What is not for users occupies offsets all the same: whoever takes the batch before it stands behind it. */
  skipTo(next: Offset, leaderEpoch: number): void {
    this.fetchFrom = next
    const last = this.buffered.pop()
    if (last === undefined) {
      this.position = next
      this.leaderEpoch = leaderEpoch
      this.hasSkipped = true
    } else this.buffered.push({ ...last, next, leaderEpoch })
  }

  /** Of the last batch before `fetchFrom`; -1 unknown. */
  get fetchedEpoch(): number {
    return this.buffered.at(-1)?.leaderEpoch ?? this.leaderEpoch
  }

  /**
   * Whether the position is to be checked before anything is fetched: there is another leader epoch, and the log may
   * have lost what was read of an earlier one.
   */
  isCheckDue(leaderEpoch: number): boolean {
    if (leaderEpoch === this.checkedIn) return false
    if (leaderEpoch >= 0 && this.fetchedEpoch >= 0 && this.fetchedEpoch < leaderEpoch) return true
    this.checkedIn = leaderEpoch
    return false
  }

  /** Whether somebody looks for its position. */
  get isFinding(): boolean {
    return this.#findingVersion === this.version
  }

  beginFinding(): void {
    this.#findingVersion = this.version
  }

  endFinding(): void {
    this.#findingVersion = -1
  }

  get isFetching(): boolean {
    return this.fetchingVersion === this.version
  }

  /** Who is to be read from instead of the leader. */
  sourceAt(nowMs: number): number | undefined {
    if (this.replica !== undefined && this.replica.untilMs <= nowMs) this.replica = undefined
    return this.replica?.nodeId
  }

  /** The next buffered batch; the position moves past it. */
  take(): PolledBatch | undefined {
    const batch = this.buffered.shift()
    if (batch === undefined) return undefined
    this.bufferedBytes -= batch.batch.length
    this.position = batch.next
    if (batch.leaderEpoch >= 0) this.leaderEpoch = batch.leaderEpoch
    return batch
  }

  get lag(): number | undefined {
    if (this.end === undefined || this.position === undefined) return undefined
    return Math.max(0, this.end - this.position)
  }
}
