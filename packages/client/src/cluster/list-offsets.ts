import {
  kafkaError,
  type Offset,
  offset,
  partitionName,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { fill } from '@millrace/protocol/internal'
import { retrying } from './backoff.ts'
import { type Cluster, throwIfError } from './cluster.ts'

/** Times that stand for an end of the log. */
export const latest = -1
export const earliest = -2
/** The record of the highest timestamp (KIP-734). */
export const maxTimestamp = -3

export interface ListOffsetsOptions {
  readonly isolation: 'read_uncommitted' | 'read_committed'
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks each partition's leader for the first offset at or after a time (or an end of the log); undefined where there
 * is none.
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
  for (const topic of topics) if (cluster.topic(topic) === undefined) await refresh()
  await retrying({ clock, random, timeoutMs: options.timeoutMs, signal: options.signal, refresh }, async () => {
    const byLeader = new Map<number, { at: TopicPartition; timestamp: number }[]>()
    for (const [partition, timestamp] of at) {
      if (found.has(partition.topic, partition.partition)) continue
      const leader = leaderOf(cluster, partition)
      const list = byLeader.get(leader)
      if (list === undefined) byLeader.set(leader, [{ at: partition, timestamp }])
      else list.push({ at: partition, timestamp })
    }
    await Promise.all([...byLeader].map(([leader, wanted]) => askLeader(cluster, leader, wanted, options, found)))
  })
  return found
}

/** @throws UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE */
function leaderOf(cluster: Cluster, at: TopicPartition): number {
  const known = cluster.partition(at.topic, at.partition)
  const place = partitionName(at.topic, at.partition)
  if (known === undefined) throw kafkaError(cluster.topicError(at.topic) ?? 'UNKNOWN_TOPIC_OR_PARTITION', place)
  if (known.leader < 0) throw kafkaError('LEADER_NOT_AVAILABLE', place)
  return known.leader
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  wanted: readonly { at: TopicPartition; timestamp: number }[],
  options: ListOffsetsOptions,
  found: TopicPartitionMap<Offset | undefined>,
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
  for (const topic of answer.topics) {
    for (const row of topic.partitions) {
      throwIfError(row.errorCode, partitionName(topic.name, row.partitionIndex))
      found.set(topic.name, row.partitionIndex, row.offset < 0 ? undefined : offset(row.offset))
    }
  }
}
