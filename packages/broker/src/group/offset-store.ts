import { type KafkaErrorCode, messageOf, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import type { MemberClaim } from './classic-group.ts'
import type { CommittedOffset } from './committed-offset.ts'
import type { GroupEntry, GroupRegistry } from './group-registry.ts'
import { encodeOffset, encodeOffsetKey } from './offsets-format.ts'
import type { OffsetsRecord } from './offsets-log.ts'

export type OffsetsToCommit = TopicPartitionMap<Omit<CommittedOffset, 'committedAtMs'>>

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
   * a commit on disk never points past what is on disk.
   *
   * @returns an error for the whole commit, or errors by partition (none for those that went well).
   */
  async commit(
    groupId: string,
    claim: MemberClaim,
    offsets: OffsetsToCommit,
  ): Promise<KafkaErrorCode | TopicPartitionMap<KafkaErrorCode>> {
    const refused = this.#refuse(groupId, claim)
    if (refused !== undefined) return refused
    if (!(await this.#registry.log.ready())) return 'COORDINATOR_NOT_AVAILABLE'
    const failures = await this.#syncTargets(offsets)
    // The group may have moved on while the disk was busy: a member that is out must not commit.
    const refusedNow = this.#refuse(groupId, claim)
    if (refusedNow !== undefined) return refusedNow
    const entry = this.#registry.getOrAdd(groupId)
    const committedAtMs = this.#ports.clock.nowMs()
    const records: OffsetsRecord[] = []
    const accepted: [string, number, CommittedOffset][] = []
    for (const [{ topic, partition }, given] of offsets) {
      if (failures.has(topic, partition)) continue
      const value = { ...given, committedAtMs }
      accepted.push([topic, partition, value])
      records.push({ key: encodeOffsetKey(groupId, topic, partition), value: encodeOffset(value) })
    }
    if (records.length === 0) return failures
    try {
      const { log, upTo } = this.#registry.log.append(groupId, records)
      if (log.syncedTo < upTo) await log.synced(upTo)
    } catch (error) {
      this.#ports.log.error('offsets could not be written', { group: groupId, reason: messageOf(error) })
      return 'COORDINATOR_NOT_AVAILABLE'
    }
    for (const [topic, partition, value] of accepted) entry.offsets.set(topic, partition, value)
    return failures
  }

  /** Drops offsets of one group, in the log first. */
  async drop(
    entry: GroupEntry,
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<void> {
    const { groupId } = entry.group
    const held = partitions.filter(({ topic, partition }) => entry.offsets.has(topic, partition))
    if (held.length === 0) return
    const records = held.map(({ topic, partition }) => ({
      key: encodeOffsetKey(groupId, topic, partition),
      value: null,
    }))
    const { log, upTo } = this.#registry.log.append(groupId, records)
    for (const { topic, partition } of held) entry.offsets.delete(topic, partition)
    await log.synced(upTo)
  }

  /** A topic is gone: so is what was committed for it. */
  async dropTopic(name: string): Promise<void> {
    const drops: Promise<void>[] = []
    for (const entry of this.#registry.all()) {
      const held = [...entry.offsets].map(([at]) => at).filter(({ topic }) => topic === name)
      if (held.length > 0) drops.push(this.drop(entry, held))
    }
    await Promise.all(drops)
  }

  /**
   * Groups without members lose what nobody has touched for the retention; an empty group with nothing left goes away.
   */
  async expire(): Promise<void> {
    const nowMs = this.#ports.clock.nowMs()
    for (const entry of [...this.#registry.all()]) {
      const { group, offsets } = entry
      if (group.state !== 'Empty' || group.membership.pending.size > 0) continue
      const sinceMs = group.membership.protocolType === null ? 0 : group.stateSinceMs
      const lapsed = [...offsets].filter(
        ([, value]) => nowMs - Math.max(value.committedAtMs, sinceMs) >= this.#retentionMs,
      )
      if (lapsed.length > 0) {
        const help = 'Committed offsets dropped after offsets.retention.minutes'
        this.#ports.metrics.counter('millrace_broker_offsets_expired_total', help).add(lapsed.length)
        await this.drop(
          entry,
          lapsed.map(([at]) => at),
        )
      }
      if (group.state === 'Empty' && offsets.size === 0 && this.#registry.get(group.groupId) === entry) {
        if (group.membership.pending.size === 0 && nowMs - group.stateSinceMs >= this.#retentionMs) {
          this.#registry.remove(entry)
        }
      }
    }
  }

  #refuse(groupId: string, claim: MemberClaim): KafkaErrorCode | undefined {
    if (this.#registry.log.isLost(groupId)) return 'COORDINATOR_NOT_AVAILABLE'
    const entry = this.#registry.get(groupId)
    if (entry === undefined) return claim.generation < 0 ? undefined : 'ILLEGAL_GENERATION'
    const code = entry.group.mayCommit(claim, this.#registry.nowMs())
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
