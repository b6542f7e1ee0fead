import { errorCodeOf, kafkaError, type TopicPartition } from '@millrace/kernel'
import type { ResponseOf } from '@millrace/protocol/internal'
import type { NewTopic, PartitionDescription, TopicDescription } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import { assertTopicName } from '../cluster/topic-name.ts'
import type { CallOptions } from '../consumer.ts'
import { refuseUnknown } from '../options.ts'
import { type AdminLink, adminTimeoutMs } from './admin-link.ts'

type MetadataRow = ResponseOf<'metadata'>['topics'][number]
type DescribedRow = ResponseOf<'describeTopicPartitions'>['topics'][number]

export async function createTopics(
  link: AdminLink,
  topics: readonly NewTopic[],
  validateOnly: boolean,
  options: CallOptions,
): Promise<readonly string[]> {
  for (const topic of topics) {
    refuseUnknown(`topic ${topic.name}`, topic, ['name', 'partitions', 'replicationFactor', 'replicas', 'configs'])
    assertTopicName(topic.name)
  }
  const made: string[] = []
  let left = topics
  if (topics.length === 0) return made
  await link.retrying(options, async () => {
    const request = { topics: left.map(requested), timeoutMs: adminTimeoutMs, validateOnly }
    const answer = await link.askController('createTopics', request, options)
    for (const row of answer.topics) {
      if (errorCodeOf(row.errorCode) !== 'TOPIC_ALREADY_EXISTS') {
        throwIfError(row.errorCode, `topic ${row.name}`, row.errorMessage ?? undefined)
        made.push(row.name)
      }
      // What is made already is not asked for again when a later one has to be.
      left = left.filter(({ name }) => name !== row.name)
    }
  })
  return made
}

function requested({ name, partitions, replicationFactor, replicas, configs }: NewTopic) {
  const rows = Object.entries(configs ?? {}).map(([key, value]) => ({ name: key, value }))
  if (replicas !== undefined) {
    const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }))
    return { name, numPartitions: -1, replicationFactor: -1, assignments, configs: rows }
  }
  return { name, numPartitions: partitions ?? -1, replicationFactor: replicationFactor ?? -1, configs: rows }
}

export async function deleteTopics(link: AdminLink, names: readonly string[], options: CallOptions): Promise<void> {
  if (names.length === 0) return
  let left = names
  let unknown: Error | undefined
  let isRepeated = false
  await link.retrying(options, async () => {
    const request = { topics: left.map((name) => ({ name })), topicNames: left, timeoutMs: adminTimeoutMs }
    const answer = await link.askControllerNoting('deleteTopics', request, options, () => {
      isRepeated = true
    })
    for (const row of answer.responses) {
      const missing = missingTopic(row.errorCode, `topic ${row.name}`, row.errorMessage)
      // One that an attempt without an answer has deleted is gone, as was asked for.
      if (!isRepeated) unknown ??= missing
      left = left.filter((name) => name !== row.name)
    }
  })
  link.cluster.forgetTopics(names)
  if (unknown !== undefined) throw unknown
}

/**
 * The error of a topic that the controller does not know: final, as asking it again is of no use.
 *
 * @throws any other error, for whoever tries again
 */
export function missingTopic(wire: number, place: string, detail: string | null): Error | undefined {
  const code = errorCodeOf(wire)
  if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return kafkaError(code, place, detail ?? undefined)
  throwIfError(wire, place, detail ?? undefined)
  return undefined
}

export async function createPartitions(
  link: AdminLink,
  topic: string,
  total: number,
  options: CallOptions,
): Promise<void> {
  let isRepeated = false
  const unknown = await link.retrying(options, async () => {
    const request = { topics: [{ name: topic, count: total, assignments: null }], timeoutMs: adminTimeoutMs }
    const { results } = await link.askControllerNoting('createPartitions', request, options, () => {
      isRepeated = true
    })
    // What an attempt without an answer has made is there, as was asked for.
    if (isRepeated && errorCodeOf(results[0]?.errorCode ?? 0) === 'INVALID_PARTITIONS') {
      await link.cluster.refresh([topic])
      if (link.cluster.topic(topic)?.partitions.length === total) return undefined
    }
    return results.map((row) => missingTopic(row.errorCode, `topic ${row.name}`, row.errorMessage))[0]
  })
  if (unknown !== undefined) throw unknown
  await link.retrying(options, () => link.cluster.refresh([topic]))
}

/** By DescribeTopicPartitions, page by page (KIP-966), or by Metadata where the broker is older. */
export async function describeTopics(
  link: AdminLink,
  names: readonly string[],
  options: CallOptions,
): Promise<readonly TopicDescription[]> {
  if (names.length === 0) return []
  if (await link.offers('describeTopicPartitions', options)) return describePaged(link, names, options)
  const topics = names.map((name) => ({ name }))
  const answer = await link.askAny('metadata', { topics, allowAutoTopicCreation: false }, options)
  const found = answer.topics.flatMap((row) => (isThere(row) ? [described(row, row.partitions.map(ofMetadata))] : []))
  return found.sort(byName)
}

async function describePaged(
  link: AdminLink,
  names: readonly string[],
  options: CallOptions,
): Promise<readonly TopicDescription[]> {
  const topics = [...new Set(names)].sort().map((name) => ({ name }))
  const found = new Map<string, TopicDescription>()
  let cursor: ResponseOf<'describeTopicPartitions'>['nextCursor'] = null
  do {
    const from: string = cursor?.topicName ?? ''
    const left = topics.filter(({ name }) => name >= from)
    const answer: ResponseOf<'describeTopicPartitions'> = await link.askAny(
      'describeTopicPartitions',
      { topics: left, cursor },
      options,
    )
    for (const row of answer.topics) {
      if (!isThere(row)) continue
      const before = found.get(row.name ?? '')?.partitions ?? []
      found.set(row.name ?? '', described(row, [...before, ...row.partitions.map(ofPage)]))
    }
    cursor = answer.nextCursor
  } while (cursor !== null)
  return [...found.values()]
}

/** @throws what says neither that it is there nor that it is not. */
function isThere(row: MetadataRow | DescribedRow): boolean {
  const code = errorCodeOf(row.errorCode)
  if (row.name === null || code === 'UNKNOWN_TOPIC_OR_PARTITION') return false
  if (code !== 'LEADER_NOT_AVAILABLE') throwIfError(row.errorCode, `topic ${row.name}`)
  return true
}

function described(row: MetadataRow | DescribedRow, partitions: PartitionDescription[]): TopicDescription {
  partitions.sort((a, b) => a.partition - b.partition)
  return { name: row.name ?? '', topicId: row.topicId, internal: row.isInternal, partitions }
}

function ofMetadata(row: MetadataRow['partitions'][number]): PartitionDescription {
  const { partitionIndex: partition, leaderId: leader, leaderEpoch, replicaNodes, isrNodes, offlineReplicas } = row
  return { partition, leader, leaderEpoch, replicas: replicaNodes, inSync: isrNodes, offline: offlineReplicas }
}

function ofPage(row: DescribedRow['partitions'][number]): PartitionDescription {
  const { partitionIndex: partition, leaderId: leader, leaderEpoch, replicaNodes, isrNodes, offlineReplicas } = row
  return { partition, leader, leaderEpoch, replicas: replicaNodes, inSync: isrNodes, offline: offlineReplicas }
}

function byName(a: TopicDescription, b: TopicDescription): number {
  return a.name < b.name ? -1 : 1
}

/** Partitions by topic, as most requests want them. */
export function byTopic(partitions: Iterable<TopicPartition>): Map<string, number[]> {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = topics.get(topic)
    if (list === undefined) topics.set(topic, [partition])
    else list.push(partition)
  }
  return topics
}
