import { errorTable, offset, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { type Connection, fill, zeroUuid } from '@millrace/protocol/internal'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import type { OffsetAndMetadata } from '../records.ts'

/** Who commits: a member, or an outsider with generation -1. */
export interface Committer {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** Stores positions. @throws the first partition's error. */
export async function commitOffsets(
  connection: Connection,
  cluster: Cluster,
  committer: Committer,
  offsets: TopicPartitionMap<OffsetAndMetadata>,
  timeoutMs: number,
): Promise<void> {
  const topics = byTopic(offsets, ({ partition }, position) => ({
    partitionIndex: partition,
    committedOffset: position.offset,
    committedLeaderEpoch: position.leaderEpoch,
    committedMetadata: position.metadata,
  }))
  const request = fill('offsetCommit', 'request', {
    groupId: committer.groupId,
    generationIdOrMemberEpoch: committer.generation,
    memberId: committer.memberId,
    groupInstanceId: committer.groupInstanceId,
    topics: topics.map(({ name, partitions }) => ({ name, topicId: topicIdOf(cluster, name), partitions })),
  })
  const answer = await connection.send('offsetCommit', request, { timeoutMs })
  const unknown = errorTable.UNKNOWN_TOPIC_ID.wire
  // Made anew meanwhile: it has another id, which the next attempt must know.
  if (answer.topics.some(({ partitions }) => partitions.some(({ errorCode }) => errorCode === unknown))) {
    await cluster.refresh(topics.map(({ name }) => name))
  }
  for (const topic of answer.topics) {
    const name = cluster.nameOf(topic.name, topic.topicId)
    for (const row of topic.partitions) {
      throwIfError(row.errorCode, `commit of ${partitionName(name, row.partitionIndex)} for group ${committer.groupId}`)
    }
  }
}

/**
 * Reads positions; partitions without one are left out. `partitions` null: of every partition the group has committed.
 *
 * @throws UNSTABLE_OFFSET_COMMIT while a transaction with offsets of the group is open.
 */
export async function fetchOffsets(
  connection: Connection,
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  timeoutMs: number,
): Promise<TopicPartitionMap<OffsetAndMetadata>> {
  const wanted = new TopicPartitionMap<true>()
  for (const { topic, partition } of partitions ?? []) wanted.set(topic, partition, true)
  const topics =
    partitions === null
      ? null
      : byTopic(wanted, ({ partition }) => partition).map(({ name, partitions: partitionIndexes }) => ({
          name,
          topicId: topicIdOf(cluster, name),
          partitionIndexes,
        }))
  const request = fill('offsetFetch', 'request', { groups: [{ groupId, topics }], requireStable: true })
  const answer = await connection.send('offsetFetch', request, { timeoutMs })
  const found = new TopicPartitionMap<OffsetAndMetadata>()
  for (const group of answer.groups) {
    throwIfError(group.errorCode, `group ${groupId}`)
    for (const topic of group.topics) {
      const name = cluster.nameOf(topic.name, topic.topicId)
      for (const row of topic.partitions) {
        throwIfError(row.errorCode, `${partitionName(name, row.partitionIndex)} of group ${groupId}`)
        if (row.committedOffset < 0) continue
        found.set(name, row.partitionIndex, {
          offset: offset(row.committedOffset),
          leaderEpoch: row.committedLeaderEpoch,
          metadata: row.metadata ?? '',
        })
      }
    }
  }
  return found
}

/** A topic whose id is not known goes by its name alone. */
function topicIdOf(cluster: Cluster, name: string): string {
  return cluster.topic(name)?.topicId ?? zeroUuid
}

function byTopic<V, R>(
  values: TopicPartitionMap<V>,
  row: (at: TopicPartition, value: V) => R,
): { name: string; partitions: R[] }[] {
  const topics = new Map<string, R[]>()
  for (const [at, value] of values) {
    const rows = topics.get(at.topic)
    if (rows === undefined) topics.set(at.topic, [row(at, value)])
    else rows.push(row(at, value))
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }))
}
