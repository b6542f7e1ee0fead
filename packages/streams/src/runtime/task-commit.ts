import type { Consumer, OffsetAndMetadata, Producer } from '@millrace/client'
import { remedyFor, TopicPartitionMap } from '@millrace/kernel'
import type { RunningTask } from './running-task.ts'

/**
 * What became of a commit. `refused`: the group has moved on, or its coordinator cannot be reached. Everything is
 * written and the stores are flushed, but the input positions stay where they were: the records since are processed
 * again, by this thread or by the next owner, unless a later commit goes through. In a transaction nothing is written then.
 */
export type CommitOutcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused'; readonly error: unknown }

/** A task as a commit needs it. */
export type CommittingTask = Pick<
  RunningTask,
  'flushCaches' | 'changedPositions' | 'changelogEnds' | 'flushStores' | 'committed'
>

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
 * @throws what a producer or a store threw, and a commit that no retry mends: the thread must end, for a record may be
 * missing from what was written.
 */
export async function commitTasks(
  tasks: readonly CommittingTask[],
  producer: Pick<Producer, 'flush' | 'acknowledged'>,
  consumer: Pick<Consumer, 'commit'>,
): Promise<CommitOutcome> {
  const { all, moved } = takePositions(tasks)
  if (moved.length === 0) return { kind: 'nothing' }
  await producer.flush()
  for (const { task } of moved) task.flushStores(task.changelogEnds(producer))
  try {
    await consumer.commit(all)
  } catch (error) {
    const remedy = remedyFor(error)
    if (remedy === 'rejoin' || remedy === 'retry' || remedy === 'refresh-metadata') return { kind: 'refused', error }
    throw error
  }
  for (const { task, positions } of moved) task.committed(positions)
  return { kind: 'committed' }
}

/** A task whose input has moved since the last commit. */
export interface MovedTask {
  readonly task: CommittingTask
  readonly positions: TopicPartitionMap<OffsetAndMetadata>
}

/** Has every task write out its caches, and tells whose input has moved, and to where. */
export function takePositions(tasks: readonly CommittingTask[]): {
  readonly all: TopicPartitionMap<OffsetAndMetadata>
  readonly moved: readonly MovedTask[]
} {
  const all = new TopicPartitionMap<OffsetAndMetadata>()
  const moved: MovedTask[] = []
  for (const task of tasks) {
    // Both before anything is awaited: no record is processed between them.
    task.flushCaches()
    const positions = task.changedPositions()
    for (const [at, position] of positions) all.set(at.topic, at.partition, position)
    if (positions.size > 0) moved.push({ task, positions })
  }
  return { all, moved }
}
