import {
  errorCodeOf,
  kafkaError,
  type MillraceError,
  type Offset,
  offset,
  partitionName,
  remedyFor,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { fill } from '@millrace/protocol/internal'
import { retrying } from './backoff.ts'
import type { Cluster } from './cluster.ts'

/** Times that stand for an end of the log. */
export const latest = -1
export const earliest = -2
/** The record of the highest timestamp (KIP-734). */
export const maxTimestamp = -3

export interface ListOffsetsOptions {
  readonly isolation: 'read_uncommitted' | 'read_committed'
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Told of each answer as it comes: one partition's leader may be gone for long while others answer. */
  found?(at: TopicPartition, offset: Offset | undefined): void
}

/**
 * Asks each partition's leader for the first offset at or after a time (or an end of the log); undefined where there
 * is none.
 *
 * @throws what cannot be retried, or the last error when the time is over: after all that can be asked have been asked.
 */
export async function listOffsets(
  cluster: Cluster,
  at: TopicPartitionMap<number>,
  options: ListOffsetsOptions,
): Promise<TopicPartitionMap<Offset | undefined>> {
  const { clock, random } = cluster.ports
  const found = new TopicPartitionMap<Offset | undefined>()
  const topics = new Set([...at].map(([{ topic }]) => topic))
  const refresh = () => cluster.refresh(topics)
  const take = (place: TopicPartition, position: Offset | undefined) => {
    found.set(place.topic, place.partition, position)
    options.found?.(place, position)
  }
  let isFirst = true
  await retrying({ clock, random, timeoutMs: options.timeoutMs, signal: options.signal, refresh }, async () => {
    if (isFirst && [...topics].some((topic) => cluster.topic(topic) === undefined)) await refresh()
    isFirst = false
    const failures: unknown[] = []
    const byLeader = new Map<number, { at: TopicPartition; timestamp: number }[]>()
    for (const [partition, timestamp] of at) {
      if (found.has(partition.topic, partition.partition)) continue
      const leader = leaderOf(cluster, partition)
      if (typeof leader !== 'number') failures.push(leader)
      else {
        const list = byLeader.get(leader)
        if (list === undefined) byLeader.set(leader, [{ at: partition, timestamp }])
        else list.push({ at: partition, timestamp })
      }
    }
    const asking = [...byLeader].map(([leader, wanted]) => askLeader(cluster, leader, wanted, options, take, failures))
    await Promise.all(asking.map((each) => each.catch((error: unknown) => failures.push(error))))
    if (failures.length > 0) throw failures.find((error) => !isRetriable(error)) ?? failures[0]
  })
  return found
}

function isRetriable(error: unknown): boolean {
  const remedy = remedyFor(error)
  return remedy === 'retry' || remedy === 'refresh-metadata'
}

/** Who leads; else UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, or why the topic is not there. */
function leaderOf(cluster: Cluster, at: TopicPartition): number | MillraceError {
  const known = cluster.partition(at.topic, at.partition)
  const place = partitionName(at.topic, at.partition)
  if (known === undefined) return kafkaError(cluster.topicError(at.topic) ?? 'UNKNOWN_TOPIC_OR_PARTITION', place)
  if (known.leader < 0) return kafkaError('LEADER_NOT_AVAILABLE', place)
  return known.leader
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  wanted: readonly { at: TopicPartition; timestamp: number }[],
  options: ListOffsetsOptions,
  take: (at: TopicPartition, position: Offset | undefined) => void,
  failures: unknown[],
): Promise<void> {
  const topics = new Map<string, { partitionIndex: number; currentLeaderEpoch: number; timestamp: number }[]>()
  for (const { at, timestamp } of wanted) {
    const currentLeaderEpoch = cluster.partition(at.topic, at.partition)?.leaderEpoch ?? -1
    const row = { partitionIndex: at.partition, currentLeaderEpoch, timestamp }
    const rows = topics.get(at.topic)
    if (rows === undefined) topics.set(at.topic, [row])
    else rows.push(row)
  }
  const request = fill('listOffsets', 'request', {
    replicaId: -1,
    isolationLevel: options.isolation === 'read_committed' ? 1 : 0,
    topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
    timeoutMs: options.timeoutMs,
  })
  const connection = await cluster.to(leader)
  const answer = await connection.send('listOffsets', request, { timeoutMs: options.timeoutMs, signal: options.signal })
  for (const { name: topic, partitions } of answer.topics) {
    for (const { partitionIndex: partition, errorCode, offset: position } of partitions) {
      if (errorCode !== 0) failures.push(kafkaError(errorCodeOf(errorCode), partitionName(topic, partition)))
      else take({ topic, partition }, position < 0 ? undefined : offset(position))
    }
  }
}
