import { errorCodeOf, type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import { apiOf, type Connection, fill } from '@millrace/protocol/internal'
import type { PartitionState } from './partition-state.ts'

/** Where the epoch of a reader's last record ends at the leader; both -1 where the leader does not know. */
export interface EpochEnd {
  readonly error: KafkaErrorCode | undefined
  readonly leaderEpoch: number
  readonly endOffset: number
}

/** What is checked: the position of a partition under a leader epoch. */
export interface PositionCheck {
  readonly state: PartitionState
  readonly leaderEpoch: number
}

/** Asks a leader where epochs end (KIP-320). undefined: it is too old to be asked, and positions go unchecked. */
export async function epochEnds(
  connection: Connection,
  checks: readonly PositionCheck[],
  timeoutMs: number,
): Promise<TopicPartitionMap<EpochEnd> | undefined> {
  if (!connection.apiVersions.has(apiOf('offsetForLeaderEpoch').key)) return undefined
  const topics = new Map<string, { partition: number; currentLeaderEpoch: number; leaderEpoch: number }[]>()
  for (const { state, leaderEpoch: currentLeaderEpoch } of checks) {
    const row = { partition: state.partition, currentLeaderEpoch, leaderEpoch: state.fetchedEpoch }
    topics.set(state.topic, [...(topics.get(state.topic) ?? []), row])
  }
  const request = fill('offsetForLeaderEpoch', 'request', {
    replicaId: -1,
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  })
  const answer = await connection.send('offsetForLeaderEpoch', request, { timeoutMs })
  const ends = new TopicPartitionMap<EpochEnd>()
  for (const { topic, partitions } of answer.topics) {
    for (const { partition, errorCode, leaderEpoch, endOffset } of partitions) {
      const error = errorCode === 0 ? undefined : errorCodeOf(errorCode)
      ends.set(topic, partition, { error, leaderEpoch, endOffset })
    }
  }
  return ends
}
