import { type KafkaErrorCode, KiB, messageOf, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { CoordinatorRecord, Written } from '../coordinator-log.ts'
import type { Settings } from '../settings.ts'
import { kafkaCodeOf } from '../wire-error.ts'
import type { MemberClaim } from './classic-group.ts'
import type { CommittedOffset, StoredOffset } from './committed-offset.ts'
import { applyOffsets, type GroupEntry, type GroupRegistry } from './group-registry.ts'
import { bytesOfOffset } from './offset-memory.ts'
import { encodeOffset, encodeOffsetKey } from './offsets-format.ts'
import { subscriptionOf } from './subscription.ts'

export type OffsetsToCommit = TopicPartitionMap<Omit<CommittedOffset, 'committedAtMs'>>

/** In whose transaction offsets are committed. */
export interface OffsetsWriter {
  readonly producerId: number
  readonly epoch: number
  readonly version: 1 | 2
  /** Asked just before the write, for the partition of `__consumer_offsets`. */
  admit(partition: number): KafkaErrorCode
  wrote(written: Written): void
}

/** The offsets of all groups: committed, dropped, expired; in memory what is known to be on disk. */
export class OffsetStore {
  readonly #registry: GroupRegistry
  readonly #directory: LogDirectory
  readonly #ports: BrokerPorts
  readonly #retentionMs: number

  constructor(registry: GroupRegistry, directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#registry = registry
    this.#directory = directory
    this.#ports = ports
    this.#retentionMs = settings['offsets.retention.minutes'] * 60_000
  }

  /**
   * Resolves when the commit survives a power cut, and with it every record below the committed offsets (law 6). The
   * records come first:
   * a commit on disk never points past what is on disk. In a transaction nobody sees it before the transaction's end.
   *
   * @returns an error for the whole commit, or errors by partition (none for those that went well).
   */
  async commit(
    groupId: string,
    claim: MemberClaim,
    offsets: OffsetsToCommit,
    writer?: OffsetsWriter,
  ): Promise<KafkaErrorCode | TopicPartitionMap<KafkaErrorCode>> {
    const refused = this.#refuse(groupId, claim, writer !== undefined)
    if (refused !== undefined) return refused
    if (!(await this.#registry.log.ready())) return 'COORDINATOR_NOT_AVAILABLE'
    const failures = await this.#syncTargets(offsets)
    // The group may have moved on while the disk was busy: a member that is out must not commit.
    const refusedNow = this.#refuse(groupId, claim, writer !== undefined)
    if (refusedNow !== undefined) return refusedNow
    const written = this.#write(groupId, offsets, failures, writer)
    if (typeof written === 'string') return written
    try {
      if (written !== undefined && written.log.syncedTo < written.upTo) await written.log.synced(written.upTo)
      written?.apply()
    } catch (error) {
      this.#ports.log.error('offsets could not be written', { group: groupId, reason: messageOf(error) })
      return 'COORDINATOR_NOT_AVAILABLE'
    } finally {
      written?.settle()
    }
    return failures
  }

  /** A transaction has ended on a partition of `__consumer_offsets`: its marker is written. */
  endTransaction(partition: number, producerId: number, commit: boolean): void {
    for (const [groupId, offsets] of this.#registry.pending.end(partition, producerId)) {
      if (commit) applyOffsets(this.#registry.getOrAdd(groupId).offsets, offsets)
    }
  }

  /** What is committed may yet be replaced by a transaction that is open. */
  isUnstable(groupId: string, topic: string, partition: number): boolean {
    return this.#registry.pending.has(groupId, topic, partition)
  }

  /** Drops offsets of one group, in the log first. */
  async drop(
    entry: GroupEntry,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<void> {
    const { groupId } = entry.group
    const { pending } = this.#registry
    const held = partitions.filter(
      ({ topic, partition }) => entry.offsets.has(topic, partition) || pending.has(groupId, topic, partition),
    )
    if (held.length === 0) return
    const records = held.map(({ topic, partition }) => ({
      key: encodeOffsetKey(groupId, topic, partition),
      value: null,
    }))
    const { log, upTo } = this.#registry.log.append(groupId, records)
    for (const { topic, partition } of held) {
      entry.offsets.delete(topic, partition)
      pending.drop(groupId, topic, partition)
    }
    await log.synced(upTo)
  }

  /** A topic is gone: so is what was committed for it. */
  async dropTopic(name: string): Promise<void> {
    const drops: Promise<void>[] = []
    for (const entry of this.#registry.all()) {
      const all = [...[...entry.offsets].map(([at]) => at), ...this.#registry.pending.partitionsOf(entry.group.groupId)]
      const held = all.filter(({ topic }) => topic === name)
      if (held.length > 0) drops.push(this.drop(entry, held))
    }
    await Promise.all(drops)
  }

  /**
   * Drops what has lapsed, and empty groups with nothing left. Source: OffsetMetadataManager.cleanupExpiredOffsets,
   * ClassicGroup.offsetExpirationCondition.
   */
  async expire(): Promise<void> {
    const { pending } = this.#registry
    for (const entry of [...this.#registry.all()]) {
      const { group, offsets } = entry
      if (entry.committing > 0) continue
      const lapsed = this.#lapsed(entry)
      if (lapsed.length > 0) {
        const help = 'Committed offsets dropped after offsets.retention.minutes'
        this.#ports.metrics.counter('millrace_broker_offsets_expired_total', help).add(lapsed.length)
        await this.drop(entry, lapsed)
      }
      if (group.state !== 'Empty' || offsets.size > 0 || entry.committing > 0) continue
      if (group.membership.pending.size > 0 || pending.hasGroup(group.groupId)) continue
      if (this.#registry.get(group.groupId) === entry) this.#registry.remove(entry)
    }
  }

  /**
   * A group without members loses what nobody has touched for the retention, a stable one what of that none of its members
   * reads; each what its commit wanted kept for no longer.
   */
  #lapsed({ group, offsets }: GroupEntry): TopicPartition[] {
    const { protocolType, pending } = group.membership
    const isEmpty = group.state === 'Empty' && pending.size === 0
    if (!isEmpty && !(group.state === 'Stable' && protocolType === 'consumer')) return []
    const nowMs = this.#ports.clock.nowMs()
    const sinceMs = isEmpty && protocolType !== null ? group.stateSinceMs : 0
    const subscription = isEmpty ? undefined : subscriptionOf(group)
    return [...offsets].flatMap(([at, { committedAtMs, expiresAtMs }]) => {
      const untilMs = expiresAtMs ?? Math.max(committedAtMs, sinceMs) + this.#retentionMs
      if (nowMs < untilMs || this.isUnstable(group.groupId, at.topic, at.partition)) return []
      return subscription?.has(at.topic) === true ? [] : [at]
    })
  }

  /** A code when nothing was written; undefined when there is nothing to write. */
  #write(
    groupId: string,
    offsets: OffsetsToCommit,
    failures: TopicPartitionMap<KafkaErrorCode>,
    writer: OffsetsWriter | undefined,
  ): (Written & { apply(): void; settle(): void }) | KafkaErrorCode | undefined {
    const records: CoordinatorRecord[] = []
    const accepted: [TopicPartition, CommittedOffset][] = []
    const committedAtMs = this.#ports.clock.nowMs()
    const held = this.#registry.get(groupId)?.offsets
    let moreBytes = 0
    for (const [at, given] of offsets) {
      if (failures.has(at.topic, at.partition)) continue
      const more = bytesOfOffset(given) - (writer === undefined ? bytesOfOffset(held?.get(at.topic, at.partition)) : 0)
      if (more > 0 && !this.#registry.offsetMemory.hasRoom(moreBytes + more)) {
        this.#registry.refused('offsets')
        failures.set(at.topic, at.partition, 'INVALID_COMMIT_OFFSET_SIZE')
        continue
      }
      moreBytes += more
      const value = { ...given, committedAtMs }
      accepted.push([at, value])
      records.push({ key: encodeOffsetKey(groupId, at.topic, at.partition), value: encodeOffset(value) })
    }
    if (records.length === 0) return undefined
    const { log } = this.#registry
    const refused = writer?.admit(log.partitionOf(groupId)) ?? 'NONE'
    if (refused !== 'NONE') return refused
    const entry = this.#registry.getOrAdd(groupId)
    try {
      const written =
        writer === undefined
          ? this.#appendInParts(groupId, records)
          : log.append(groupId, records, identityOf(writer), optionsOf(writer))
      const stored = accepted.map(([at, value], i): [TopicPartition, StoredOffset] => [
        at,
        { ...value, recordOffset: written.from + i },
      ])
      if (writer === undefined) {
        entry.committing++
        const settle = (): void => void entry.committing--
        // An empty group may have been deleted while this was written: it is there again then.
        const apply = () => applyOffsets(this.#registry.getOrAdd(groupId).offsets, stored)
        return { ...written, apply, settle }
      }
      writer.wrote(written)
      const { partition } = written
      for (const [at, value] of stored) {
        const place = { partition, producerId: writer.producerId, groupId, topic: at.topic }
        this.#registry.pending.add({ ...place, topicPartition: at.partition }, value)
      }
      return { ...written, apply: () => {}, settle: () => {} }
    } catch (error) {
      this.#ports.log.error('offsets could not be written', { group: groupId, reason: messageOf(error) })
      const code = kafkaCodeOf(error)
      if (tooLarge.has(code)) return 'INVALID_COMMIT_OFFSET_SIZE'
      return writer !== undefined && fencing.has(code) ? code : 'COORDINATOR_NOT_AVAILABLE'
    }
  }

  /**
   * Outside of a transaction each offset stands for itself, so a large commit need not fit into one batch
   * (CoordinatorRuntime, where records are not atomic). The parts follow one another: nobody writes in between.
   */
  #appendInParts(groupId: string, records: readonly CoordinatorRecord[]): Written {
    const { log } = this.#registry
    let from = 0
    let bytes = 0
    let first: Written | undefined
    for (const [i, { key, value }] of records.entries()) {
      const size = key.length + (value?.length ?? 0)
      if (bytes + size > partBytes && i > from) {
        const written = log.append(groupId, records.slice(from, i))
        first ??= written
        from = i
        bytes = 0
      }
      bytes += size
    }
    const last = log.append(groupId, records.slice(from))
    return { ...last, from: first?.from ?? last.from }
  }

  #refuse(groupId: string, claim: MemberClaim, inTransaction: boolean): KafkaErrorCode | undefined {
    if (this.#registry.log.isLost(groupId)) return 'COORDINATOR_NOT_AVAILABLE'
    const entry = this.#registry.get(groupId)
    if (entry === undefined) {
      if (claim.generation >= 0) return 'ILLEGAL_GENERATION'
      return this.#registry.refusesNew(groupId) ? 'COORDINATOR_NOT_AVAILABLE' : undefined
    }
    const code = entry.group.mayCommit(claim, this.#registry.nowMs(), inTransaction)
    return code === 'NONE' ? undefined : code
  }

  async #syncTargets(offsets: OffsetsToCommit): Promise<TopicPartitionMap<KafkaErrorCode>> {
    const failures = new TopicPartitionMap<KafkaErrorCode>()
    const waits: Promise<void>[] = []
    for (const [{ topic, partition }, given] of offsets) {
      const log = this.#directory.partition(topic, partition)
      if (log === undefined) continue
      const upTo = Math.min(given.offset, log.highWatermark)
      if (log.syncedTo >= upTo) continue
      const wait = log.synced(log.highWatermark).catch(() => {
        failures.set(topic, partition, 'KAFKA_STORAGE_ERROR')
      })
      waits.push(wait)
    }
    if (waits.length > 0) await Promise.all(waits)
    return failures
  }
}

/** A part of a large commit, well below what a batch may have. */
const partBytes = 256 * KiB

/** A client that were told to come again would do so for ever. */
const tooLarge: ReadonlySet<KafkaErrorCode> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** What the log may say of a producer whose time is over. */
const fencing: ReadonlySet<KafkaErrorCode> = new Set(['INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE'])

function identityOf(writer: OffsetsWriter | undefined) {
  if (writer === undefined) return undefined
  return { producerId: writer.producerId, producerEpoch: writer.epoch, baseSequence: 0, transactional: true }
}

function optionsOf(writer: OffsetsWriter | undefined) {
  return writer === undefined ? undefined : ({ transactionVersion: writer.version, origin: 'coordinator' } as const)
}
