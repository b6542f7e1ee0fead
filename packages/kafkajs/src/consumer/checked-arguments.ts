import type { ConsumerSubscribeTopic, ConsumerSubscribeTopics } from '../consumer.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import type { TopicPartitionOffset, TopicPartitionOffsetAndMetadata } from '../message.ts'
import type { CommitTopics } from './offset-book.ts'
import type { PauseTarget } from './pause-book.ts'

/** What a program hands in may be anything: much of it is JavaScript. All throw KafkaJSNonRetriableError. */
export function checkedSubscriptions(
  given: Partial<ConsumerSubscribeTopics & ConsumerSubscribeTopic>,
): readonly (string | RegExp)[] {
  const { topic, topics } = given
  if (!topic && !topics) throw new KafkaJSNonRetriableError('Missing required argument "topics"')
  if (topics !== undefined && topics !== null && !Array.isArray(topics)) {
    throw new KafkaJSNonRetriableError('Argument "topics" must be an array')
  }
  const patterns = topics ?? (topic === undefined ? [] : [topic])
  for (const pattern of patterns) {
    if (typeof pattern === 'string' || pattern instanceof RegExp) continue
    throw new KafkaJSNonRetriableError(
      `Invalid topic ${pattern} (${typeof pattern}), the topic name has to be a String or a RegExp`,
    )
  }
  return patterns
}

export function checkedSeek({ topic, partition, offset }: TopicPartitionOffset): TopicPartitionOffset {
  checkPlace(topic, partition)
  const to = checkedOffset(offset)
  if (to < 0 && to !== -1 && to !== -2) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
  return { topic, partition: Number(partition), offset: `${to}` }
}

export function checkedCommits(given: readonly TopicPartitionOffsetAndMetadata[]): CommitTopics {
  const topics = new Map<string, { partition: number; offset: string; metadata: string | null }[]>()
  for (const { topic, partition, offset, metadata = null } of given) {
    checkPlace(topic, partition)
    const at = checkedOffset(offset)
    if (at < 0) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
    if (metadata !== null && typeof metadata !== 'string') {
      throw new KafkaJSNonRetriableError(
        `Invalid offset metadata, expected string or null, received ${String(metadata)}`,
      )
    }
    const rows = topics.get(topic) ?? []
    topics.set(topic, rows)
    rows.push({ partition: Number(partition), offset: `${at}`, metadata })
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

export function checkedPauses(
  verb: 'pause' | 'resume',
  given: readonly { topic: string; partitions?: readonly number[] | undefined }[],
): readonly PauseTarget[] {
  for (const target of given) {
    if (!target?.topic) throw new KafkaJSNonRetriableError(`Invalid topic ${target?.topic || String(target)}`)
    const { partitions } = target
    if (partitions === undefined || (Array.isArray(partitions) && !partitions.some(Number.isNaN))) continue
    throw new KafkaJSNonRetriableError(
      `Array of valid partitions required to ${verb} specific partitions instead of ${partitions}`,
    )
  }
  return given
}

function checkPlace(topic: string, partition: number): void {
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  if (Number.isNaN(Number(partition))) {
    throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
  }
}

/** Offsets above 2^53 do not occur. */
function checkedOffset(given: unknown): number {
  const value = typeof given === 'string' && given.trim() !== '' ? Number(given) : given
  const whole = typeof value === 'bigint' ? Number(value) : value
  if (typeof whole === 'number' && Number.isSafeInteger(whole)) return whole
  throw new KafkaJSNonRetriableError(`Invalid offset, expected a long received ${String(given)}`)
}
