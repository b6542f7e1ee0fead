import { type Offset, offset, TopicPartitionMap } from '@millrace/kernel'
import type { FetchOffsetsPartition, SeekEntry } from '../admin.ts'
import {
  KafkaJSBrokerNotFound,
  KafkaJSDeleteTopicRecordsError,
  type KafkaJSDeleteTopicRecordsErrorPartition,
  type KafkaJSError,
  KafkaJSNonRetriableError,
} from '../errors.ts'
import { type Link, refusal, throwIfRefused } from '../link.ts'
import { coordinatorOf, describedGroups } from './groups.ts'
import { checkTopic, mayAskAgain, partitionNumbers } from './topics.ts'

const earliest = -2
const latest = -1

export interface TopicOffset extends SeekEntry {
  high: string
  low: string
}

export interface GroupOffsets {
  topic: string
  partitions: FetchOffsetsPartition[]
}

/** Beginning and end of each partition. */
export async function topicOffsets(link: Link, topic: string): Promise<TopicOffset[]> {
  checkTopic(topic)
  const partitions = await partitionNumbers(link, topic)
  const low = await endsOf(link, topic, partitions, earliest)
  const high = await endsOf(link, topic, partitions, latest)
  return partitions.map((partition) => {
    const end = `${high.get(partition) ?? -1}`
    return { partition, offset: end, high: end, low: `${low.get(partition) ?? -1}` }
  })
}

/** The first offset at or after a time; the end where there is none. */
export async function topicOffsetsByTime(link: Link, topic: string, timestamp?: number): Promise<SeekEntry[]> {
  checkTopic(topic)
  const partitions = await partitionNumbers(link, topic)
  const high = await endsOf(link, topic, partitions, latest)
  const found = timestamp === undefined ? high : await endsOf(link, topic, partitions, timestamp)
  return partitions.map((partition) => ({
    partition,
    offset: `${found.get(partition) ?? high.get(partition) ?? -1}`,
  }))
}

/** By partition; those without one are left out. */
async function endsOf(
  link: Link,
  topic: string,
  partitions: readonly number[],
  timestamp: number,
): Promise<Map<number, Offset>> {
  return link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh([topic])
    const found = new Map<number, Offset>()
    for (const [leader, led] of leadersOf(cluster.topic(topic)?.partitions ?? [], partitions)) {
      const answer = await link.ask(await cluster.to(leader), 'listOffsets', {
        replicaId: -1,
        topics: [{ name: topic, partitions: led.map((partitionIndex) => ({ partitionIndex, timestamp })) }],
      })
      for (const row of answer.topics.flatMap((one) => one.partitions)) {
        throwIfRefused(row.errorCode)
        if (row.offset >= 0) found.set(row.partitionIndex, offset(row.offset))
      }
    }
    return found
  }, mayAskAgain)
}

function leadersOf(
  known: readonly { readonly partition: number; readonly leader: number }[],
  wanted: readonly number[],
): Map<number, number[]> {
  const byLeader = new Map<number, number[]>()
  for (const { partition, leader } of known) {
    if (leader < 0 || !wanted.includes(partition)) continue
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition])
  }
  return byLeader
}

/** Without topics: all that the group has committed. A partition without a position has -1. */
export async function groupOffsets(
  link: Link,
  groupId: string,
  topics: readonly string[],
  resolveOffsets: boolean,
): Promise<GroupOffsets[]> {
  if (!groupId) throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError('Expected topics array to be set')
  const wanted: { name: string; partitionIndexes: number[] }[] = []
  for (const name of topics) wanted.push({ name, partitionIndexes: await partitionNumbers(link, name) })
  const offsets = await link.retrying(async () => {
    const groups = [{ groupId, topics: wanted.length === 0 ? null : wanted }]
    const answer = await link.ask(await coordinatorOf(link, groupId), 'offsetFetch', { groups })
    const cluster = await link.open()
    return answer.groups.flatMap((group) => {
      throwIfRefused(group.errorCode)
      return group.topics.map((topic) => ({
        topic: cluster.nameOf(topic.name, topic.topicId),
        partitions: topic.partitions
          .map((row) => {
            throwIfRefused(row.errorCode)
            return {
              partition: row.partitionIndex,
              offset: `${row.committedOffset}`,
              metadata: row.metadata === '' ? null : row.metadata,
            }
          })
          .sort((a, b) => a.partition - b.partition),
      }))
    })
  })
  return resolveOffsets ? Promise.all(offsets.map((topic) => resolved(link, groupId, topic))) : offsets
}

/** Positions that stand for an end of the log become numbers, and are committed as such. */
async function resolved(link: Link, groupId: string, { topic, partitions }: GroupOffsets): Promise<GroupOffsets> {
  const ends = new Map((await topicOffsets(link, topic)).map((row) => [row.partition, row]))
  const rows = partitions.map((row) => {
    const end = ends.get(row.partition)
    if (end === undefined) return row
    if (Number(row.offset) === earliest) return { ...row, offset: end.low }
    return Number(row.offset) === latest ? { ...row, offset: end.high } : row
  })
  await setGroupOffsets(link, groupId, topic, rows)
  return { topic, partitions: rows }
}

/** @throws KafkaJSNonRetriableError while the group has members */
export async function setGroupOffsets(
  link: Link,
  groupId: string,
  topic: string,
  partitions: readonly SeekEntry[],
): Promise<void> {
  if (!groupId) throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  if (!partitions || partitions.length === 0) throw new KafkaJSNonRetriableError('Invalid partitions')
  const [description] = await describedGroups(link, [groupId])
  const state = description?.state ?? 'Unknown'
  if (state !== 'Empty' && state !== 'Dead') {
    throw new KafkaJSNonRetriableError(`The consumer group must have no running instances, current state: ${state}`)
  }
  const ends = partitions.some(({ offset: at }) => Number(at) < 0) ? await topicOffsets(link, topic) : []
  const offsets = new TopicPartitionMap<number>()
  for (const { partition, offset: at } of partitions) {
    const end = ends.find((row) => row.partition === partition)
    const number = Number(at) === earliest ? Number(end?.low) : Number(at) === latest ? Number(end?.high) : Number(at)
    offsets.set(topic, partition, number)
  }
  await link.retrying(async () => {
    const answer = await link.ask(await coordinatorOf(link, groupId), 'offsetCommit', {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: topic, topicId: (await link.open()).topic(topic)?.topicId, partitions: rowsOf(offsets) }],
    })
    for (const row of answer.topics.flatMap((one) => one.partitions)) throwIfRefused(row.errorCode)
  })
}

function rowsOf(offsets: TopicPartitionMap<number>) {
  return [...offsets].map(([{ partition }, committedOffset]) => ({
    partitionIndex: partition,
    committedOffset,
    committedMetadata: '',
  }))
}

/** @throws KafkaJSDeleteTopicRecordsError naming the partitions */
export async function deleteRecords(link: Link, topic: string, partitions: readonly SeekEntry[]): Promise<void> {
  if (!topic || typeof topic !== 'string') throw new KafkaJSNonRetriableError(`Invalid topic "${topic}"`)
  if (!partitions || partitions.length === 0) throw new KafkaJSNonRetriableError('Invalid partitions')
  const left = new Map(partitions.map((row) => [row.partition, row]))
  await link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh([topic])
    const byLeader = leadersOf(cluster.topic(topic)?.partitions ?? [], [...left.keys()])
    const led = new Set([...byLeader.values()].flat())
    const failed: KafkaJSDeleteTopicRecordsErrorPartition[] = [...left.values()]
      .filter(({ partition }) => !led.has(partition))
      .map((row) => ({ ...row, error: leaderless() }))
    if (failed.length > 0) throw new KafkaJSDeleteTopicRecordsError({ partitions: failed })
    for (const [leader, numbers] of byLeader) {
      const rows = numbers.map((partition) => ({
        partitionIndex: partition,
        offset: Number(left.get(partition)?.offset),
      }))
      const answer = await link.ask(await cluster.to(leader), 'deleteRecords', {
        topics: [{ name: topic, partitions: rows }],
        timeoutMs: link.requestTimeoutMs,
      })
      for (const { partitionIndex, errorCode } of answer.topics.flatMap((one) => one.partitions)) {
        const row = left.get(partitionIndex)
        if (row === undefined) continue
        if (errorCode === 0) left.delete(partitionIndex)
        else failed.push({ ...row, error: refusal(errorCode) })
      }
    }
    if (failed.length > 0) throw new KafkaJSDeleteTopicRecordsError({ partitions: failed })
  })
}

function leaderless(): KafkaJSError {
  const { message } = new KafkaJSBrokerNotFound('Could not find the leader for the partition')
  return Object.assign(new KafkaJSNonRetriableError(message), { name: 'KafkaJSBrokerNotFound' })
}
