import { kafkaError, type Offset, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import { listOffsets } from '../cluster/list-offsets.ts'
import type { OffsetAndMetadata } from '../records.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import { endOrSince, timeOf } from './offset-reset.ts'
import type { PartitionState } from './partition-state.ts'

type Committed = (partitions: readonly TopicPartition[]) => Promise<TopicPartitionMap<OffsetAndMetadata>>

/**
 * Gives partitions without a position one, each as soon as it is known: what the group has committed, else what the reset
 * policy says. They are `isFinding` meanwhile. `moved` is called after each.
 *
 * @throws OFFSET_OUT_OF_RANGE naming the partitions when the policy is `none`; what stands in the way of the others.
 */
export async function findPositions(
  states: readonly PartitionState[],
  cluster: Cluster,
  settings: ConsumerSettings,
  committed: Committed | undefined,
  moved: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (const state of states) state.beginFinding()
  const left = new Map(states.map((state) => [state, state.version]))
  // One that was sought or given away meanwhile is no longer ours to move.
  const missing = () => [...left].filter(([state, version]) => state.version === version).map(([state]) => state)
  try {
    await Promise.resolve() // a seek in the turn of the assignment comes first
    const fresh = missing().filter((state) => state.reset === undefined)
    if (committed !== undefined && fresh.length > 0) {
      const positions = await committed(fresh)
      for (const state of missing()) {
        const position = positions.get(state.topic, state.partition)
        if (position === undefined) continue
        state.moveTo(position.offset, position.leaderEpoch)
        moved()
      }
    }
    await resetAll(missing(), cluster, settings, moved, signal)
  } finally {
    for (const state of missing()) state.endFinding()
  }
}

async function resetAll(
  states: readonly PartitionState[],
  cluster: Cluster,
  settings: ConsumerSettings,
  moved: () => void,
  signal: AbortSignal,
): Promise<void> {
  const wanted = new TopicPartitionMap<{ readonly state: PartitionState; readonly version: number }>()
  const times = new TopicPartitionMap<number>()
  const refused: string[] = []
  for (const state of states) {
    const policy = state.reset ?? settings.autoOffsetReset(state.topic)
    if (policy === 'none') refused.push(partitionName(state.topic, state.partition))
    else {
      times.set(state.topic, state.partition, timeOf(policy, cluster.ports.clock.nowMs()))
      wanted.set(state.topic, state.partition, { state, version: state.version })
    }
  }
  if (times.size > 0) {
    const { isolation, requestTimeoutMs: timeoutMs } = settings
    const options = { isolation, timeoutMs, signal }
    const move = ({ topic, partition }: TopicPartition, to: Offset | undefined) => {
      const each = wanted.get(topic, partition)
      if (to === undefined || each === undefined || each.state.version !== each.version) return
      each.state.moveTo(to)
      moved()
    }
    const failures: unknown[] = []
    const failed = (error: unknown) => void failures.push(error)
    const asking: Promise<void>[] = []
    const found = (at: TopicPartition, to: Offset | undefined) => {
      const time = times.get(at.topic, at.partition) ?? 0
      if (to !== undefined || time < 0) move(at, to)
      else asking.push(endOrSince(cluster, at, time, options).then((end) => move(at, end), failed))
    }
    await listOffsets(cluster, times, { ...options, found }).catch(failed)
    await Promise.all(asking)
    if (failures.length > 0) throw failures[0]
  }
  if (refused.length === 0) return
  const detail = 'There is no position to begin with, and autoOffsetReset is "none": seek, or commit one.'
  throw kafkaError('OFFSET_OUT_OF_RANGE', refused.join(', '), detail)
}
