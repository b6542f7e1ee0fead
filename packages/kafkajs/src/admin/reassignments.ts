import { errorCodeOf } from '@millrace/kernel'
import type { ListPartitionReassignmentsResponse, PartitionReassignment } from '../admin.ts'
import { KafkaJSAggregateError, KafkaJSAlterPartitionReassignmentsError, KafkaJSNonRetriableError } from '../errors.ts'
import { protocolFailure } from '../failure.ts'
import { type Link, throwIfRefused } from '../link.ts'
import type { TopicPartitions } from '../message.ts'
import { checkNames, mayAskAgain } from './topics.ts'

const defaultTimeoutMs = 5_000

/** @throws KafkaJSAggregateError of KafkaJSAlterPartitionReassignmentsError */
export async function alterReassignments(
  link: Link,
  topics: readonly PartitionReassignment[],
  timeoutMs: number = defaultTimeoutMs,
): Promise<void> {
  checkNames(topics)
  for (const topic of topics) checkReassignment(topic)
  await link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh()
    const answer = await link.ask(await cluster.controller(), 'alterPartitionReassignments', {
      timeoutMs,
      topics: topics.map(({ topic, partitionAssignment }) => ({
        name: topic,
        partitions: partitionAssignment.map(({ partition, replicas }) => ({ partitionIndex: partition, replicas })),
      })),
    })
    throwIfRefused(answer.errorCode, answer.errorMessage)
    const refused = answer.responses.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ errorCode }) => errorCode !== 0)
        .map(({ partitionIndex, errorCode, errorMessage }) => {
          const source = protocolFailure(errorCodeOf(errorCode), errorMessage ?? undefined)
          return new KafkaJSAlterPartitionReassignmentsError(source, name, partitionIndex)
        }),
    )
    if (refused.length > 0) throw new KafkaJSAggregateError('Errors altering partition reassignments', refused)
  }, mayAskAgain)
}

/** Without topics: all that are under way. */
export async function listReassignments(
  link: Link,
  topics: readonly TopicPartitions[] | undefined,
  timeoutMs: number = defaultTimeoutMs,
): Promise<ListPartitionReassignmentsResponse> {
  if (topics !== undefined && topics !== null) {
    checkNames(topics)
    for (const { topic, partitions } of topics) checkPartitions(topic, partitions)
  }
  const answer = await link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh()
    const listed = await link.ask(await cluster.controller(), 'listPartitionReassignments', {
      timeoutMs,
      topics: topics?.map(({ topic, partitions }) => ({ name: topic, partitionIndexes: partitions })) ?? null,
    })
    throwIfRefused(listed.errorCode, listed.errorMessage)
    return listed
  }, mayAskAgain)
  return {
    topics: answer.topics.map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        partitionIndex,
        replicas: [...replicas],
        addingReplicas: [...addingReplicas],
        removingReplicas: [...removingReplicas],
      })),
    })),
  }
}

function checkReassignment({ topic, partitionAssignment }: PartitionReassignment): void {
  if (!Array.isArray(partitionAssignment)) {
    throw new KafkaJSNonRetriableError(`Invalid partitions array: ${partitionAssignment} for topic: ${topic}`)
  }
  for (const { partition, replicas } of partitionAssignment) {
    if (typeof partition !== 'number' || partition < 0) {
      throw new KafkaJSNonRetriableError(`Invalid partitions index: ${partition} for topic: ${topic}`)
    }
    const place = `Invalid replica assignment: ${replicas} for topic: ${topic} on partition: ${partition}`
    if (!Array.isArray(replicas)) throw new KafkaJSNonRetriableError(place)
    if (replicas.some((replica) => typeof replica !== 'number' || replica < 0)) {
      throw new KafkaJSNonRetriableError(`${place}. Replicas must be a non negative number`)
    }
  }
}

function checkPartitions(topic: string, partitions: readonly number[]): void {
  const place = `Invalid partition array: ${partitions} for topic: ${topic}`
  if (!Array.isArray(partitions)) throw new KafkaJSNonRetriableError(place)
  if (partitions.some((partition) => typeof partition !== 'number' || partition < 0)) {
    throw new KafkaJSNonRetriableError(`${place}. The partition indices have to be a valid number greater than 0.`)
  }
}
