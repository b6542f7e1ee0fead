import { kafkaError } from '@millrace/kernel'
import type { TopicRecord } from '@millrace/log/internal'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { namedOnce } from '../named-once.ts'
import { checkNewTopic, madeAtOnceMax, topicConfigAnswers } from '../topic-admin.ts'
import { refusal, type WireError, wireError } from '../wire-error.ts'

type Asked = RequestOf<'createTopics'>['topics'][number]
type Answer = ResponseOf<'createTopics'>['topics'][number]

/** Makes topics, each by itself: durable when answered. With `validateOnly` says what would happen. */
export const answerCreateTopics: Handler<'createTopics'> = async (engine, _context, request) => {
  if (partitionsIn(engine, request.topics) > madeAtOnceMax) {
    const tooMany = refusal('POLICY_VIOLATION', 'Excessively large number of partitions per request.')
    const names = new Set(request.topics.map(({ name }) => name))
    return { throttleTimeMs: 0, topics: [...names].map((name) => failed(name, tooMany)) }
  }
  const { once, twice } = namedOnce(request.topics, ({ name }) => name)
  const refused = twice.map(({ name }) => failed(name, refusal('INVALID_REQUEST', 'It is named twice in one request.')))
  const done = await Promise.all(
    once.map(async (asked) => {
      try {
        return made(engine, await create(engine, asked, request.validateOnly))
      } catch (error) {
        return failed(asked.name, wireError(error))
      }
    }),
  )
  return { throttleTimeMs: 0, topics: [...done, ...refused] }
}

function partitionsIn({ settings }: Engine, topics: readonly Asked[]): number {
  return topics.reduce((sum, { numPartitions, assignments }) => {
    if (assignments.length > 0) return sum + assignments.length
    return sum + (numPartitions === -1 ? settings['num.partitions'] : Math.max(numPartitions, 0))
  }, 0)
}

async function create(engine: Engine, asked: Asked, validateOnly: boolean): Promise<TopicRecord> {
  const { name } = asked
  const place = `topic ${name}`
  if (isInternalTopic(name)) throw kafkaError('INVALID_TOPIC_EXCEPTION', place, 'The name is reserved for the broker.')
  const partitions = partitionsOf(engine, asked)
  const configs = new Map<string, string>()
  for (const config of asked.configs) {
    if (config.value === null) throw kafkaError('INVALID_CONFIG', `${place}, ${config.name}`, 'A config has no value.')
    configs.set(config.name, config.value)
  }
  const topic = { name, partitions, configs }
  checkNewTopic(engine, topic)
  if (validateOnly) return { ...topic, topicId: zeroUuid }
  const created = await engine.directory.createTopic(topic)
  engine.ports.log.info('topic created', { topic: name, partitions })
  return created
}

/** One broker holds every replica: a factor of 1, and assignments to this broker alone. */
function partitionsOf(engine: Engine, { name, numPartitions, replicationFactor, assignments }: Asked): number {
  const place = `topic ${name}`
  const nodeId = engine.settings['node.id']
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1) {
      throw kafkaError('INVALID_REQUEST', place, 'With assignments, partitions and replication factor must be -1.')
    }
    const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
    const whole = assignments.every((_, i) => indexes.has(i)) && indexes.size === assignments.length
    const here = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId)
    if (whole && here) return assignments.length
    const why = `Partitions count from 0, and each lies on broker ${nodeId} alone.`
    throw kafkaError('INVALID_REPLICA_ASSIGNMENT', place, why)
  }
  if (replicationFactor !== 1 && replicationFactor !== -1) {
    const why = `${replicationFactor} replicas are asked for and there is 1 broker.`
    throw kafkaError('INVALID_REPLICATION_FACTOR', place, why)
  }
  if (numPartitions === -1) return engine.settings['num.partitions']
  if (numPartitions > 0) return numPartitions
  throw kafkaError('INVALID_PARTITIONS', place, `${numPartitions} partitions are asked for; there is at least 1.`)
}

function made(engine: Engine, topic: TopicRecord): Answer {
  return {
    name: topic.name,
    topicId: topic.topicId,
    errorCode: 0,
    errorMessage: null,
    topicConfigErrorCode: 0,
    numPartitions: topic.partitions,
    replicationFactor: 1,
    configs: topicConfigAnswers(engine, topic).map(({ name, value, readOnly, configSource, isSensitive }) => ({
      name,
      value,
      readOnly,
      configSource,
      isSensitive,
    })),
  }
}

function failed(name: string, error: WireError): Answer {
  return {
    name,
    topicId: zeroUuid,
    ...error,
    topicConfigErrorCode: 0,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  }
}
