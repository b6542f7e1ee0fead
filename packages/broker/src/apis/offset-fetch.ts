import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { zeroUuid } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import type { CommittedOffset } from '../group/committed-offset.ts'
import { distinct } from '../named-once.ts'
import { wire } from '../wire-error.ts'

type GroupAsked = RequestOf<'offsetFetch'>['groups'][number]
type GroupAnswer = ResponseOf<'offsetFetch'>['groups'][number]
type PartitionAnswer = GroupAnswer['topics'][number]['partitions'][number]

/**
 * What groups have committed: of the partitions asked for, or of all. `requireStable`: not where a transaction that is
 * still open may replace it.
 */
export const answerOffsetFetch: Handler<'offsetFetch'> = (engine, _context, request) => ({
  throttleTimeMs: 0,
  topics: [],
  errorCode: 0,
  groups: distinct(request.groups, keyOf).map((asked) => answerGroup(engine, asked, request.requireStable)),
})

/** Whoever names partitions is answered as often as he names them. */
function keyOf({ groupId, topics }: GroupAsked): string {
  return JSON.stringify([groupId, topics])
}

function answerGroup(engine: Engine, { groupId, topics }: GroupAsked, requireStable: boolean): GroupAnswer {
  if (engine.groups.isLost(groupId)) return { groupId, topics: [], errorCode: wire('COORDINATOR_NOT_AVAILABLE') }
  const offsets = engine.groups.group(groupId)?.offsets
  const answer = (topic: string, partition: number, value: CommittedOffset | undefined) =>
    requireStable && engine.groups.offsets.isUnstable(groupId, topic, partition)
      ? { ...answerPartition(partition, undefined), errorCode: wire('UNSTABLE_OFFSET_COMMIT') }
      : answerPartition(partition, value)
  if (topics === null) {
    const all = new Map<string, PartitionAnswer[]>()
    for (const [{ topic, partition }, value] of offsets ?? []) {
      const partitions = all.get(topic) ?? []
      all.set(topic, partitions)
      partitions.push(answer(topic, partition, value))
    }
    const listed = [...all].map(([name, partitions]) => ({ name, topicId: zeroUuid, partitions }))
    return { groupId, topics: listed, errorCode: 0 }
  }
  return {
    groupId,
    topics: topics.map(({ name, topicId, partitionIndexes }) => ({
      name,
      topicId,
      partitions: partitionIndexes.map((partition) => answer(name, partition, offsets?.get(name, partition))),
    })),
    errorCode: 0,
  }
}

function answerPartition(partitionIndex: number, value: CommittedOffset | undefined): PartitionAnswer {
  return {
    partitionIndex,
    committedOffset: value?.offset ?? -1,
    committedLeaderEpoch: value?.leaderEpoch ?? -1,
    metadata: value?.metadata ?? '',
    errorCode: 0,
  }
}
