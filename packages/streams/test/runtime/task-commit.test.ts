import type { OffsetAndMetadata } from '@millrace/client'
import { kafkaError, MillraceError, offset, TopicPartitionMap } from '@millrace/kernel'
import { expect, test } from 'vitest'
import { type CommittingTask, commitTasks } from '../../src/runtime/task-commit.ts'

/** Writes down what is done to whom, in order. */
function world(failures: { flush?: Error; commit?: Error } = {}) {
  const steps: string[] = []
  const task = (name: string, moved: boolean): CommittingTask => ({
    flushCaches: () => void steps.push(`${name} caches`),
    changedPositions: () => {
      const positions = new TopicPartitionMap<OffsetAndMetadata>()
      if (moved) positions.set(name, 0, { offset: offset(7), leaderEpoch: 0, metadata: '' })
      return positions
    },
    changelogEnds: () => ({}),
    flushStores: () => void steps.push(`${name} stores`),
    committed: () => void steps.push(`${name} committed`),
  })
  const producer = {
    acknowledged: () => undefined,
    async flush() {
      steps.push('acknowledged')
      if (failures.flush !== undefined) throw failures.flush
    },
  }
  const consumer = {
    async commit(offsets: TopicPartitionMap<OffsetAndMetadata>) {
      steps.push(`positions ${[...offsets].map(([{ topic }]) => topic).join()}`)
      if (failures.commit !== undefined) throw failures.commit
    },
  }
  return { steps, task, producer, consumer }
}

test('caches, acknowledgements, stores, positions: in this order, over all tasks', async () => {
  const { steps, task, producer, consumer } = world()
  expect(await commitTasks([task('a', true), task('b', false), task('c', true)], producer, consumer)).toEqual({
    kind: 'committed',
  })
  expect(steps).toEqual([
    ...['a caches', 'b caches', 'c caches', 'acknowledged', 'a stores', 'c stores', 'positions a,c'],
    ...['a committed', 'c committed'],
  ])
})

test('nothing processed, nothing sent', async () => {
  const { steps, task, producer, consumer } = world()
  expect(await commitTasks([task('a', false)], producer, consumer)).toEqual({ kind: 'nothing' })
  expect(steps).toEqual(['a caches'])
})

test('what is not acknowledged is in no store, and its input is not committed', async () => {
  const lost = new MillraceError('DISK_FULL', 'no room')
  const { steps, task, producer, consumer } = world({ flush: lost })
  await expect(commitTasks([task('a', true)], producer, consumer)).rejects.toBe(lost)
  expect(steps).toEqual(['a caches', 'acknowledged'])
})

test('a commit that the group refuses is no end of the thread; one that nothing mends is', async () => {
  for (const code of ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR'] as const) {
    const error = kafkaError(code, 'group app')
    const { steps, task, producer, consumer } = world({ commit: error })
    expect(await commitTasks([task('a', true)], producer, consumer)).toEqual({ kind: 'refused', error })
    expect(steps).not.toContain('a committed')
  }
  for (const code of ['FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED'] as const) {
    const { task, producer, consumer } = world({ commit: kafkaError(code, 'group app') })
    await expect(commitTasks([task('a', true)], producer, consumer)).rejects.toMatchObject({ code })
  }
})
