import { kafkaError, type Offset, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import { earliest, latest, listOffsets } from '../cluster/list-offsets.ts'
import type { OffsetAndMetadata } from '../records.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { PartitionState } from './partition-state.ts'

type Committed = (partitions: readonly TopicPartition[]) => Promise<TopicPartitionMap<OffsetAndMetadata>>

/**
 * Gives partitions without a position one: what the group has committed, else what the reset policy says.
 *
 * @throws OFFSET_OUT_OF_RANGE naming the partitions when the policy is `none`.
 */
export async function findPositions(
  states: readonly PartitionState[],
  cluster: Cluster,
  settings: ConsumerSettings,
  committed: Committed | undefined,
): Promise<void> {
  await Promise.resolve() // a seek in the turn of the assignment comes first
  const missing = states.filter((state) => state.position === undefined)
  const versions = new Map(missing.map((state) => [state, state.version]))
  const untouched = (state: PartitionState) => state.version === versions.get(state) && state.position === undefined
  const fresh = missing.filter((state) => state.reset === undefined)
  if (committed !== undefined && fresh.length > 0) {
    const positions = await committed(fresh)
    for (const state of fresh) {
      const position = positions.get(state.topic, state.partition)
      if (position === undefined || !untouched(state)) continue
      state.moveTo(position.offset, position.leaderEpoch)
      versions.set(state, state.version)
    }
  }
  const rest = missing.filter(untouched)
  if (rest.length === 0) return
  const ends = await listOffsets(cluster, resetTimes(rest, settings), {
    isolation: settings.isolation,
    timeoutMs: settings.requestTimeoutMs,
  })
  for (const state of rest) {
    const end: Offset | undefined = ends.get(state.topic, state.partition)
    if (end !== undefined && untouched(state)) state.moveTo(end)
  }
}

function resetTimes(states: readonly PartitionState[], settings: ConsumerSettings): TopicPartitionMap<number> {
  const times = new TopicPartitionMap<number>()
  const refused: string[] = []
  for (const state of states) {
    const policy = state.reset ?? settings.autoOffsetReset(state.topic)
    if (policy === 'none') refused.push(partitionName(state.topic, state.partition))
    else times.set(state.topic, state.partition, policy === 'earliest' ? earliest : latest)
  }
  if (refused.length === 0) return times
  const detail = 'There is no position to begin with, and autoOffsetReset is "none": seek, or commit one.'
  throw kafkaError('OFFSET_OUT_OF_RANGE', refused.join(', '), detail)
}
