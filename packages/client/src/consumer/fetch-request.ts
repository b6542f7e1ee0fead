import type { RequestOf } from '@millrace/protocol/internal'
import { zeroUuid } from '@millrace/protocol/internal'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { PartitionState } from './partition-state.ts'

type Topic = RequestOf<'fetch'>['topics'][number]
type Partition = Topic['partitions'][number]

/** A full fetch, outside any session. Partitions in the order they are to be filled. */
export function fetchRequest(
  partitions: readonly PartitionState[],
  bytes: { readonly all: number; readonly each: number },
  maxWaitMs: number,
  cluster: Cluster,
  settings: ConsumerSettings,
): RequestOf<'fetch'> {
  const topics: { topic: string; topicId: string; partitions: Partition[] }[] = []
  for (const state of partitions) {
    // Only neighbours are put together, so that the broker fills them in this order.
    let topic = topics.at(-1)
    if (topic?.topic !== state.topic) {
      topic = { topic: state.topic, topicId: cluster.topic(state.topic)?.topicId ?? zeroUuid, partitions: [] }
      topics.push(topic)
    }
    topic.partitions.push({
      partition: state.partition,
      currentLeaderEpoch: cluster.partition(state.topic, state.partition)?.leaderEpoch ?? -1,
      fetchOffset: state.fetchFrom ?? 0,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: bytes.each,
      replicaDirectoryId: zeroUuid,
      highWatermark: Number.MAX_SAFE_INTEGER,
    })
  }
  return {
    clusterId: null,
    replicaId: -1,
    replicaState: noReplica,
    maxWaitMs,
    minBytes: 1,
    maxBytes: bytes.all,
    isolationLevel: settings.isolation === 'read_committed' ? 1 : 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics,
    forgottenTopicsData: [],
    rackId: '',
  }
}

const noReplica = { replicaId: -1, replicaEpoch: -1 }
