import type { Consumer, OffsetAndMetadata, Producer } from '@millrace/client'
import { TopicPartitionMap } from '@millrace/kernel'
import type { RunningTask } from './running-task.ts'

/**
 * One commit of a thread: all its tasks, in one order (law 8).
 *
 * Changelog first, input offsets last. In the other order:
 *   1. input offset 100 is committed, changelog writes for 81..99 are still in flight;
 *   2. the process dies;
 *   3. the next owner restores state up to 80 and resumes input at 100.
 * Records 81..99 would be missing from state for good. In this order they are only read twice.
 *
 * The stores are flushed between: a store may lag behind its changelog, it is never ahead.
 *
 * @returns whether there was anything to commit.
 */
export async function commitTasks(
  tasks: readonly RunningTask[],
  producer: Producer,
  consumer: Consumer,
): Promise<boolean> {
  const all = new TopicPartitionMap<OffsetAndMetadata>()
  const moved: { readonly task: RunningTask; readonly positions: TopicPartitionMap<OffsetAndMetadata> }[] = []
  for (const task of tasks) {
    // Both before anything is awaited: no record is processed between them.
    task.flushCaches()
    const positions = task.changedPositions()
    for (const [at, position] of positions) all.set(at.topic, at.partition, position)
    if (positions.size > 0) moved.push({ task, positions })
  }
  if (moved.length === 0) return false
  await producer.flush()
  for (const { task } of moved) task.flushStores(task.changelogEnds(producer))
  await consumer.commit(all)
  for (const { task, positions } of moved) task.committed(positions)
  return true
}
