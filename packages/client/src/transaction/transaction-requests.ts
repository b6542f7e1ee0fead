import {
  errorCodeOf,
  kafkaError,
  partitionName,
  remedyFor,
  type TopicPartition,
  type TopicPartitionMap,
} from '@millrace/kernel'
import { type Connection, fill } from '@millrace/protocol/internal'
import { throwIfError } from '../cluster/cluster.ts'
import type { GroupMetadata } from '../consumer.ts'
import type { ProducerIdentity } from '../producer/partition-queue.ts'
import type { OffsetAndMetadata } from '../records.ts'

/** Who asks. */
export interface Writer {
  readonly transactionalId: string
  readonly identity: ProducerIdentity
}

/** Newest versions without the meaning that transaction version 2 gave to those after them (KIP-890). */
export const firstVersionMax = { produce: 11, addPartitionsToTxn: 3, endTxn: 4, txnOffsetCommit: 4 } as const

/** From this InitProducerId on a producer may ask for its own next epoch (KIP-360). */
export const bumpingVersionMin = 3

/** A producer id. With `current` its epoch is raised, without one every older producer of the id is fenced. */
export async function askIdentity(
  connection: Connection,
  asked: { readonly transactionalId: string; readonly transactionTimeoutMs: number; readonly timeoutMs: number },
  current: ProducerIdentity | undefined,
): Promise<ProducerIdentity> {
  const { transactionalId, transactionTimeoutMs, timeoutMs } = asked
  const request = fill('initProducerId', 'request', {
    transactionalId,
    transactionTimeoutMs,
    producerId: current?.producerId ?? -1,
    producerEpoch: current?.epoch ?? -1,
  })
  const answer = await connection.send('initProducerId', request, { timeoutMs })
  throwIfError(answer.errorCode, placeOf(transactionalId))
  return { producerId: answer.producerId, epoch: answer.producerEpoch, transactional: true }
}

/** Adds partitions to the transaction. @throws the first error that is about more than one's neighbours. */
export async function addPartitions(
  connection: Connection,
  { transactionalId, identity }: Writer,
  partitions: readonly TopicPartition[],
  timeoutMs: number,
): Promise<void> {
  const transaction = {
    transactionalId,
    producerId: identity.producerId,
    producerEpoch: identity.epoch,
    verifyOnly: false,
    topics: topicsOf(partitions),
  }
  const request = fill('addPartitionsToTxn', 'request', { transactions: [transaction] })
  const versionMax = firstVersionMax.addPartitionsToTxn
  const answer = await connection.send('addPartitionsToTxn', request, { timeoutMs, versionMax })
  throwIfError(answer.errorCode, placeOf(transactionalId))
  let bystander: Error | undefined
  for (const { topicResults } of answer.resultsByTransaction) {
    for (const { name, resultsByPartition } of topicResults) {
      for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
        if (partitionErrorCode === 0) continue
        const code = errorCodeOf(partitionErrorCode)
        const error = kafkaError(code, `${placeOf(transactionalId)}, ${partitionName(name, partitionIndex)}`)
        if (code !== 'OPERATION_NOT_ATTEMPTED') throw error
        bystander = error
      }
    }
  }
  if (bystander !== undefined) throw bystander
}

/** Says that offsets of a group will be part of the transaction. */
export async function addOffsets(
  connection: Connection,
  { transactionalId, identity }: Writer,
  groupId: string,
  timeoutMs: number,
): Promise<void> {
  const { producerId, epoch: producerEpoch } = identity
  const request = fill('addOffsetsToTxn', 'request', { transactionalId, producerId, producerEpoch, groupId })
  const answer = await connection.send('addOffsetsToTxn', request, { timeoutMs })
  throwIfError(answer.errorCode, `${placeOf(transactionalId)}, group ${groupId}`)
}

/**
 * Commits offsets inside the transaction; those that are taken are deleted from `remaining`.
 *
 * @throws the first error that cannot be retried, else the first.
 */
export async function commitOffsetsInside(
  connection: Connection,
  { transactionalId, identity }: Writer,
  group: GroupMetadata,
  remaining: TopicPartitionMap<OffsetAndMetadata>,
  options: { readonly timeoutMs: number; readonly versionMax: number | undefined },
): Promise<void> {
  const rows = [...remaining].map(([{ topic, partition }, { offset, leaderEpoch, metadata }]) => ({
    topic,
    row: {
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: metadata,
    },
  }))
  const names = [...new Set(rows.map(({ topic }) => topic))]
  const request = fill('txnOffsetCommit', 'request', {
    transactionalId,
    groupId: group.groupId,
    producerId: identity.producerId,
    producerEpoch: identity.epoch,
    generationId: group.generation,
    memberId: group.memberId,
    groupInstanceId: group.groupInstanceId,
    topics: names.map((name) => ({
      name,
      partitions: rows.filter(({ topic }) => topic === name).map(({ row }) => row),
    })),
  })
  const answer = await connection.send('txnOffsetCommit', request, options)
  let failure: Error | undefined
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      if (errorCode === 0) {
        remaining.delete(name, partitionIndex)
        continue
      }
      const place = `commit of ${partitionName(name, partitionIndex)} for group ${group.groupId}`
      const error = kafkaError(errorCodeOf(errorCode), place)
      const remedy = remedyFor(error)
      if (remedy !== 'retry' && remedy !== 'refresh-metadata') throw error
      failure ??= error
    }
  }
  if (failure !== undefined) throw failure
}

/** Ends the transaction. Returns the identity of the next one; undefined where it stays (before EndTxn 5). */
export async function endTransaction(
  connection: Connection,
  { transactionalId, identity }: Writer,
  committed: boolean,
  options: { readonly timeoutMs: number; readonly versionMax: number | undefined },
): Promise<ProducerIdentity | undefined> {
  const { producerId, epoch: producerEpoch } = identity
  const request = fill('endTxn', 'request', { transactionalId, producerId, producerEpoch, committed })
  const answer = await connection.send('endTxn', request, options)
  throwIfError(answer.errorCode, placeOf(transactionalId))
  if (answer.producerId < 0) return undefined
  return { producerId: answer.producerId, epoch: answer.producerEpoch, transactional: true }
}

/** How errors name a transactional id. */
export function placeOf(transactionalId: string): string {
  return `transactional id ${transactionalId}`
}

function topicsOf(partitions: readonly TopicPartition[]): { name: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const known = topics.get(topic)
    if (known === undefined) topics.set(topic, [partition])
    else known.push(partition)
  }
  return [...topics].map(([name, indexes]) => ({ name, partitions: indexes }))
}
