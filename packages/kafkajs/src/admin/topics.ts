import { errorCodeOf } from '@millrace/kernel'
import type { CreatePartitionsOptions, CreateTopicsOptions, ITopicConfig, ITopicMetadata } from '../admin.ts'
import {
  KafkaJSAggregateError,
  KafkaJSCreateTopicError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
} from '../errors.ts'
import { protocolFailure } from '../failure.ts'
import { type Link, throwIfRefused } from '../link.ts'
import { partitionsOf } from '../producer/message-sender.ts'
import { isRetriable } from '../retry.ts'

const defaultTimeoutMs = 5_000

/** An unknown topic stays unknown: whoever asks an admin for it is told at once. */
export function mayAskAgain(error: Error): boolean {
  if (error instanceof KafkaJSProtocolError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return false
  return error instanceof KafkaJSError && isRetriable(error)
}

export async function listedTopics(link: Link): Promise<string[]> {
  const { topics } = await link.metadata(null)
  return topics.flatMap(({ name }) => name ?? [])
}

/** @throws KafkaJSProtocolError for a topic that is not there */
export async function topicMetadata(link: Link, names: readonly string[]): Promise<ITopicMetadata[]> {
  for (const name of names) checkTopic(name)
  const { topics } = await link.metadata(names.length === 0 ? null : names, mayAskAgain)
  return topics.map(({ name, partitions }) => ({ name: name ?? '', partitions: partitionsOf(partitions) }))
}

/** Partition numbers of a topic that exists. */
export async function partitionNumbers(link: Link, topic: string): Promise<number[]> {
  const [found] = await topicMetadata(link, [topic])
  return found?.partitions.map(({ partitionId }) => partitionId) ?? []
}

/** false when all that could not be made exist already. @throws KafkaJSAggregateError of KafkaJSCreateTopicError */
export async function createTopics(link: Link, options: CreateTopicsOptions): Promise<boolean> {
  const { topics, validateOnly = false, timeout = defaultTimeoutMs, waitForLeaders = true } = options
  checkNames(topics)
  for (const topic of topics) checkConfigEntries(topic)
  try {
    await link.retrying(() => create(link, topics, validateOnly, timeout), mayAskAgain)
  } catch (error) {
    const isThere = (one: unknown) => one instanceof KafkaJSProtocolError && one.type === 'TOPIC_ALREADY_EXISTS'
    if (error instanceof KafkaJSAggregateError && error.errors.every(isThere)) return false
    throw error
  }
  if (waitForLeaders && !validateOnly) await link.metadata(topics.map(({ topic }) => topic))
  return true
}

async function create(
  link: Link,
  topics: readonly ITopicConfig[],
  validateOnly: boolean,
  timeoutMs: number,
): Promise<void> {
  const cluster = await link.open()
  await cluster.refresh()
  const answer = await link.ask(await cluster.controller(), 'createTopics', {
    topics: topics.map((topic) => ({
      name: topic.topic,
      numPartitions: topic.numPartitions ?? -1,
      replicationFactor: topic.replicationFactor ?? -1,
      assignments: (topic.replicaAssignment ?? []).map(({ partition, replicas }) => ({
        partitionIndex: partition,
        brokerIds: replicas,
      })),
      configs: topic.configEntries ?? [],
    })),
    timeoutMs,
    validateOnly,
  })
  const refused = answer.topics.filter(({ errorCode }) => errorCode !== 0)
  const moved = refused.find(({ errorCode }) => errorCodeOf(errorCode) === 'NOT_CONTROLLER')
  if (moved !== undefined) throwIfRefused(moved.errorCode)
  if (refused.length === 0) return
  throw new KafkaJSAggregateError(
    'Topic creation errors',
    refused.map(({ name, errorCode, errorMessage }) => {
      const source = protocolFailure(errorCodeOf(errorCode), errorMessage ?? undefined)
      return new KafkaJSCreateTopicError(source, name)
    }),
  )
}

export async function createPartitions(link: Link, options: CreatePartitionsOptions): Promise<void> {
  const { topicPartitions, validateOnly = false, timeout = defaultTimeoutMs } = options
  if (Array.isArray(topicPartitions) && topicPartitions.length === 0) {
    throw new KafkaJSNonRetriableError('Empty topic partitions array')
  }
  checkNames(topicPartitions, 'topic partitions')
  await link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh()
    const answer = await link.ask(await cluster.controller(), 'createPartitions', {
      topics: topicPartitions.map(({ topic, count, assignments }) => ({
        name: topic,
        count,
        assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
      })),
      timeoutMs: timeout,
      validateOnly,
    })
    for (const row of answer.results) throwIfRefused(row.errorCode, row.errorMessage)
  }, mayAskAgain)
}

export async function deleteTopics(link: Link, topics: readonly string[], timeout = defaultTimeoutMs): Promise<void> {
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
  if (topics.some((topic) => typeof topic !== 'string')) {
    throw new KafkaJSNonRetriableError('Invalid topics array, the names must be a valid string')
  }
  await link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh()
    const answer = await link.ask(await cluster.controller(), 'deleteTopics', {
      topics: topics.map((name) => ({ name })),
      topicNames: topics,
      timeoutMs: timeout,
    })
    for (const row of answer.responses) throwIfRefused(row.errorCode, row.errorMessage)
    cluster.forgetTopics(topics)
  }, mayAskAgain)
  await untilGone(link, topics, timeout)
}

/** Brokers hear of it a moment after the controller has deleted a topic. */
async function untilGone(link: Link, topics: readonly string[], timeoutMs: number): Promise<void> {
  const { clock } = link.ports
  const deadlineMs = clock.monotonicMs() + timeoutMs
  const deleted = new Set(topics)
  while (clock.monotonicMs() < deadlineMs) {
    if ((await listedTopics(link)).every((name) => !deleted.has(name))) return
    await clock.sleep(20)
  }
}

export function checkTopic(topic: string): void {
  if (!topic || typeof topic !== 'string') throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
}

/** @throws KafkaJSNonRetriableError for what is no list of rows, one for each topic */
export function checkNames(rows: readonly { readonly topic: string }[], what = 'topics'): void {
  if (!Array.isArray(rows)) throw new KafkaJSNonRetriableError(`Invalid ${what} array ${rows}`)
  if (rows.some(({ topic }) => typeof topic !== 'string')) {
    throw new KafkaJSNonRetriableError(`Invalid ${what} array, the topic names have to be a valid string`)
  }
  if (new Set(rows.map(({ topic }) => topic)).size < rows.length) {
    throw new KafkaJSNonRetriableError(`Invalid ${what} array, it cannot have multiple entries for the same topic`)
  }
}

function checkConfigEntries({ topic, configEntries }: ITopicConfig): void {
  if (configEntries === undefined || configEntries === null) return
  const place = `Invalid configEntries for topic "${topic}"`
  if (!Array.isArray(configEntries)) throw new KafkaJSNonRetriableError(`${place}, must be an array`)
  configEntries.forEach((entry: unknown, i) => {
    if (typeof entry !== 'object' || entry === null) {
      throw new KafkaJSNonRetriableError(`${place}. Entry ${i} must be an object`)
    }
    for (const property of ['name', 'value']) {
      if (typeof Object.getOwnPropertyDescriptor(entry, property)?.value === 'string') continue
      throw new KafkaJSNonRetriableError(`${place}. Entry ${i} must have a valid "${property}" property`)
    }
  })
}
