import type { GroupMetadata, OffsetAndMetadata } from '@millrace/client'
import { kafkaError, MillraceError, offset, TopicPartitionMap } from '@millrace/kernel'
import { expect, test } from 'vitest'
import type { CommittingTask } from '../../src/runtime/task-commit.ts'
import { commitInTransaction } from '../../src/runtime/transaction-commit.ts'

const member: GroupMetadata = { groupId: 'app', generation: 3, memberId: 'm', groupInstanceId: 'p-0' }

interface Failures {
  readonly offsets?: Error
  /** One for each attempt, until they are used up. */
  readonly commits?: Error[]
}

/** Writes down what is done to whom, in order. */
function world(failures: Failures = {}, group: GroupMetadata | undefined = member) {
  const steps: string[] = []
  const commits = [...(failures.commits ?? [])]
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
    async sendOffsets(offsets: TopicPartitionMap<OffsetAndMetadata>, { memberId, generation }: GroupMetadata) {
      steps.push(`positions ${[...offsets].map(([{ topic }]) => topic).join()} of ${memberId} in ${generation}`)
      if (failures.offsets !== undefined) throw failures.offsets
    },
    async commitTransaction() {
      steps.push('commit')
      const error = commits.shift()
      if (error !== undefined) throw error
    },
    beginTransaction: () => void steps.push('begin'),
  }
  return { steps, task, producer, consumer: { groupMetadata: () => group } }
}

test('caches, positions, the end of the transaction, stores, the next transaction: in this order', async () => {
  const { steps, task, producer, consumer } = world()
  const tasks = [task('a', true), task('b', false), task('c', true)]
  expect(await commitInTransaction(tasks, producer, consumer)).toEqual({ kind: 'committed' })
  expect(steps).toEqual([
    ...['a caches', 'b caches', 'c caches', 'positions a,c of m in 3', 'commit', 'a stores', 'c stores'],
    ...['a committed', 'c committed', 'begin'],
  ])
})

test('nothing processed: the transaction stays open, and nobody is asked', async () => {
  const { steps, task, producer, consumer } = world()
  expect(await commitInTransaction([task('a', false)], producer, consumer)).toEqual({ kind: 'nothing' })
  expect(steps).toEqual(['a caches'])
})

test('an end without an answer is asked for again; it may have happened', async () => {
  const late = () => new MillraceError('REQUEST_TIMED_OUT', 'no answer')
  const { steps, task, producer, consumer } = world({ commits: [late(), late()] })
  expect(await commitInTransaction([task('a', true)], producer, consumer)).toEqual({ kind: 'committed' })
  expect(steps.filter((step) => step === 'commit')).toHaveLength(3)
  const never = world({ commits: Array.from({ length: 9 }, late) })
  const outcome = await commitInTransaction([never.task('a', true)], never.producer, never.consumer)
  expect(outcome).toMatchObject({ kind: 'refused', error: { code: 'REQUEST_TIMED_OUT' } })
  expect(never.steps).not.toContain('a stores')
})

test('what was not committed is in no store, and a member without a group commits nothing', async () => {
  for (const code of ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'] as const) {
    const error = kafkaError(code, 'group app')
    const { steps, task, producer, consumer } = world({ offsets: error })
    expect(await commitInTransaction([task('a', true)], producer, consumer)).toEqual({ kind: 'refused', error })
    expect(steps).toEqual(['a caches', 'positions a of m in 3'])
  }
  for (const code of ['TRANSACTION_ABORTABLE', 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const) {
    const error = kafkaError(code, 'the transaction')
    const { steps, task, producer, consumer } = world({ commits: [error] })
    expect(await commitInTransaction([task('a', true)], producer, consumer)).toEqual({ kind: 'refused', error })
    expect(steps).not.toContain('a stores')
  }
  const { steps, task, producer } = world()
  const outside = { groupMetadata: () => undefined }
  expect(await commitInTransaction([task('a', true)], producer, outside)).toMatchObject({ kind: 'refused' })
  expect(steps).toEqual(['a caches'])
})

test('what no new transaction mends ends the thread', async () => {
  for (const code of ['FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED', 'TOPIC_AUTHORIZATION_FAILED'] as const) {
    const { task, producer, consumer } = world({ offsets: kafkaError(code, 'group app') })
    await expect(commitInTransaction([task('a', true)], producer, consumer)).rejects.toMatchObject({ code })
  }
})

test('a transaction that is lost by the time caches are written out is refused, not the end of the thread', async () => {
  const { steps, task, producer, consumer } = world()
  const lost: CommittingTask = {
    ...task('a', true),
    flushCaches: () => {
      throw kafkaError('TRANSACTION_ABORTABLE', 'app')
    },
  }
  expect(await commitInTransaction([lost], producer, consumer)).toMatchObject({
    kind: 'refused',
    error: { code: 'TRANSACTION_ABORTABLE' },
  })
  expect(steps).toEqual([])
})
