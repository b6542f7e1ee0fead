import type { Consumer, Producer } from '@millrace/client'
import { codeOf, kafkaError, remedyFor } from '@millrace/kernel'
import { type CommitOutcome, type CommittingTask, type MovedTask, takePositions } from './task-commit.ts'

/** Ends of a transaction that are asked for again when it is not known what became of the last time. */
const attemptsMax = 5

/**
 * One commit of a thread under exactly-once: changelogs, outputs and input positions are one transaction (law 8).
 *
 * The stores are flushed behind it. A process that dies in between restores what is missing from the changelog, which
 * has all of the transaction by then; in the other order a store would hold what was aborted.
 *
 * `refused`: nothing of the transaction will ever be seen, and the tasks hold what came of it: they must be given up.
 *
 * @throws what a store threw, and what no new transaction mends.
 */
export async function commitInTransaction(
  tasks: readonly CommittingTask[],
  producer: Pick<Producer, 'sendOffsets' | 'commitTransaction' | 'beginTransaction' | 'acknowledged'>,
  consumer: Pick<Consumer, 'groupMetadata'>,
): Promise<CommitOutcome> {
  let moved: readonly MovedTask[]
  try {
    const taken = takePositions(tasks) // caches go to the producer, which may know that its transaction is lost
    moved = taken.moved
    if (moved.length === 0) return { kind: 'nothing' }
    const group = consumer.groupMetadata()
    if (group === undefined) return { kind: 'refused', error: kafkaError('UNKNOWN_MEMBER_ID', 'the group') }
    await producer.sendOffsets(taken.all, group)
    await commitUntilKnown(producer)
  } catch (error) {
    if (!isTransactionLost(error)) throw error
    return { kind: 'refused', error }
  }
  for (const { task } of moved) task.flushStores(task.changelogEnds(producer))
  for (const { task, positions } of moved) task.committed(positions)
  producer.beginTransaction()
  return { kind: 'committed' }
}

/** An end without an answer may have been the end all the same: the same call goes on where it stood. */
async function commitUntilKnown(producer: Pick<Producer, 'commitTransaction'>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await producer.commitTransaction()
      return
    } catch (error) {
      if (codeOf(error) !== 'REQUEST_TIMED_OUT' || attempt === attemptsMax) throw error
    }
  }
}

/**
 * The transaction cannot be committed any more, and a new one can: the group has moved on, the coordinator has given
 * it up for its time, a broker lost track of the producer, another producer took the identity.
 */
export function isTransactionLost(error: unknown): boolean {
  switch (codeOf(error)) {
    case 'TRANSACTION_ABORTABLE':
    case 'PRODUCER_FENCED':
    case 'INVALID_PRODUCER_EPOCH':
    case 'INVALID_PRODUCER_ID_MAPPING':
    case 'INVALID_TXN_STATE':
    case 'UNKNOWN_PRODUCER_ID':
      return true
    case 'FENCED_INSTANCE_ID':
      return false // another process has the same state directory: it would go on for ever
    default:
      break
  }
  const remedy = remedyFor(error)
  return remedy === 'rejoin' || remedy === 'retry' || remedy === 'refresh-metadata'
}
