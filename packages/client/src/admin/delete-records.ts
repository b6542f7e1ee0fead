import { kafkaError, type Offset, partitionName, type TopicPartitionMap } from '@millrace/kernel'
import { fill } from '@millrace/protocol/internal'
import { retrying } from '../cluster/backoff.ts'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'

/** Moves log starts forward, at each partition's leader. */
export async function deleteRecords(
  cluster: Cluster,
  before: TopicPartitionMap<Offset>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const topics = new Set([...before].map(([{ topic }]) => topic))
  const refresh = () => cluster.refresh(topics)
  const { clock, random } = cluster.ports
  let isFirst = true
  await retrying({ clock, random, timeoutMs, signal, refresh }, async () => {
    if (isFirst) await refresh()
    isFirst = false
    const byLeader = new Map<number, Map<string, { partitionIndex: number; offset: number }[]>>()
    for (const [{ topic, partition }, offset] of before) {
      const leader = cluster.partition(topic, partition)?.leader
      if (leader === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', partitionName(topic, partition))
      const rows = byLeader.get(leader) ?? new Map<string, { partitionIndex: number; offset: number }[]>()
      byLeader.set(leader, rows)
      rows.set(topic, [...(rows.get(topic) ?? []), { partitionIndex: partition, offset }])
    }
    await Promise.all(
      [...byLeader].map(async ([leader, rows]) => {
        const connection = await cluster.to(leader)
        const request = fill('deleteRecords', 'request', {
          topics: [...rows].map(([name, partitions]) => ({ name, partitions })),
          timeoutMs,
        })
        const answer = await connection.send('deleteRecords', request, { timeoutMs: timeoutMs + 1_000, signal })
        for (const topic of answer.topics) {
          for (const row of topic.partitions) throwIfError(row.errorCode, partitionName(topic.name, row.partitionIndex))
        }
      }),
    )
  })
}
