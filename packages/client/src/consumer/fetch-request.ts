import type { RequestOf } from '@millrace/protocol/internal'
import { zeroUuid } from '@millrace/protocol/internal'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { SessionTurn, WantedPartition } from './fetch-session.ts'

type Topic = RequestOf<'fetch'>['topics'][number]
type Partition = Topic['partitions'][number]
type Forgotten = RequestOf<'fetch'>['forgottenTopicsData'][number]

/** Partitions in the order they are to be filled. */
export function fetchRequest(
  turn: SessionTurn,
  bytes: { readonly all: number; readonly each: number },
  maxWaitMs: number,
  settings: ConsumerSettings,
): RequestOf<'fetch'> {
  return {
    clusterId: null,
    replicaId: -1,
    replicaState: noReplica,
    maxWaitMs,
    minBytes: 1,
    maxBytes: bytes.all,
    isolationLevel: settings.isolation === 'read_committed' ? 1 : 0,
    sessionId: turn.sessionId,
    sessionEpoch: turn.sessionEpoch,
    topics: namedTopics(turn.named, bytes.each),
    forgottenTopicsData: forgottenTopics(turn.forgotten),
    rackId: settings.rackId ?? '',
  }
}

function namedTopics(named: readonly WantedPartition[], partitionMaxBytes: number): Topic[] {
  const topics: { topic: string; topicId: string; partitions: Partition[] }[] = []
  for (const { topic: name, topicId, partition, leaderEpoch, fetchOffset } of named) {
    // Only neighbours are put together, so that the broker fills them in this order.
    let topic = topics.at(-1)
    if (topic?.topic !== name) {
      topic = { topic: name, topicId, partitions: [] }
      topics.push(topic)
    }
    topic.partitions.push({
      partition,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes,
      replicaDirectoryId: zeroUuid,
      highWatermark: Number.MAX_SAFE_INTEGER,
    })
  }
  return topics
}

function forgottenTopics(forgotten: readonly WantedPartition[]): Forgotten[] {
  const topics: { topic: string; topicId: string; partitions: number[] }[] = []
  for (const { topic: name, topicId, partition } of forgotten) {
    const topic = topics.at(-1)
    if (topic?.topic === name && topic.topicId === topicId) topic.partitions.push(partition)
    else topics.push({ topic: name, topicId, partitions: [partition] })
  }
  return topics
}

const noReplica = { replicaId: -1, replicaEpoch: -1 }
