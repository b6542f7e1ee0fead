import type { KafkaErrorCode } from '@millrace/kernel'
import { checkTopicName, type TopicRecord } from '@millrace/log/internal'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import { allOperations, notAsked } from '../authorized-operations.ts'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { distinct } from '../named-once.ts'
import { partitionOf } from '../partition-of.ts'
import { madeAtOnceMax } from '../topic-admin.ts'
import { Turns } from '../turns.ts'
import { kafkaCodeOf, wire } from '../wire-error.ts'

type Asked = NonNullable<RequestOf<'metadata'>['topics']>[number]
type TopicAnswer = ResponseOf<'metadata'>['topics'][number]

const firstVersionById = 12

/**
 * The cluster, which is this broker, and the topics asked for; one that does not exist is made where that is allowed.
 */
export const answerMetadata: Handler<'metadata'> = async (engine, context, request) => {
  const { directory, settings } = engine
  const nodeId = settings['node.id']
  const byIdTooEarly =
    context.apiVersion < firstVersionById && request.topics?.some(({ topicId }) => topicId !== zeroUuid)
  if (byIdTooEarly === true) return refusedWhole(request.topics ?? [])
  const asked = request.topics === null ? [] : distinct(request.topics, keyOf)
  const mayCreate =
    request.allowAutoTopicCreation && settings['auto.create.topics.enable'] && !wouldMakeTooMany(engine, asked)
  const topics =
    request.topics === null
      ? await allTopics(engine)
      : await Promise.all(asked.map(({ topicId, name }) => answerTopic(engine, topicId, name, mayCreate)))
  return {
    throttleTimeMs: 0,
    brokers: [{ nodeId, ...engine.endpoints.of(context.listener), rack: null }],
    clusterId: directory.clusterId,
    controllerId: nodeId,
    topics: request.includeTopicAuthorizedOperations ? topics.map(withOperations) : topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? allOperations.cluster : notAsked,
    errorCode: 0,
  }
}

async function allTopics(engine: Engine): Promise<TopicAnswer[]> {
  const turns = new Turns(engine.ports.clock)
  const answers: TopicAnswer[] = []
  for (const { name } of engine.directory.topics()) {
    const pause = turns.due()
    if (pause !== undefined) await pause
    // It may be gone by now, or another of its name be there.
    const topic = engine.directory.topic(name)
    if (topic !== undefined) answers.push(present(engine, topic))
  }
  return answers
}

/** Kafka's MetadataRequest makes a set of them. */
function keyOf({ topicId, name }: Asked): string {
  return `${topicId} ${name ?? ''}`
}

/** Then none of them is made, as where they are asked for by CreateTopics. */
function wouldMakeTooMany({ directory, settings }: Engine, asked: readonly Asked[]): boolean {
  const most = madeAtOnceMax / settings['num.partitions']
  if (asked.length <= most) return false
  return asked.filter(({ name }) => name !== null && directory.topic(name) === undefined).length > most
}

/** Versions 10 and 11 have a field for it that no broker ever read. */
function refusedWhole(topics: readonly { readonly topicId: string; readonly name: string | null }[]) {
  return {
    throttleTimeMs: 0,
    brokers: [],
    clusterId: null,
    controllerId: -1,
    topics: topics.map(({ topicId, name }) => absent(name, topicId, wire('INVALID_REQUEST'))),
    clusterAuthorizedOperations: notAsked,
    errorCode: 0,
  }
}

function withOperations(topic: TopicAnswer): TopicAnswer {
  return topic.errorCode === 0 ? { ...topic, topicAuthorizedOperations: allOperations.topic } : topic
}

async function answerTopic(
  engine: Engine,
  topicId: string,
  name: string | null,
  mayCreate: boolean,
): Promise<TopicAnswer> {
  const topic = engine.topicNames.resolve(topicId, name)
  if (topic !== undefined) return present(engine, topic)
  if (topicId !== zeroUuid) return absent(null, topicId, wire('UNKNOWN_TOPIC_ID'))
  if (name === null) return absent(name, topicId, wire('INVALID_REQUEST'))
  if (!mayCreate || isInternalTopic(name)) return absent(name, topicId, wire(whyAbsent(name)))
  try {
    const partitions = engine.settings['num.partitions']
    const made = await engine.directory.createTopic({ name, partitions, configs: new Map() })
    engine.ports.log.info('topic created on demand', { topic: name, partitions })
    return present(engine, made)
  } catch (error) {
    const code = kafkaCodeOf(error)
    // Somebody else asked for it at the same time.
    const meanwhile = code === 'TOPIC_ALREADY_EXISTS' ? engine.directory.topic(name) : undefined
    if (meanwhile !== undefined) return present(engine, meanwhile)
    return absent(name, topicId, wire(code === 'TOPIC_ALREADY_EXISTS' ? 'LEADER_NOT_AVAILABLE' : code))
  }
}

/** As Kafka: a name that no topic can have is told apart, so that nobody waits for it to come up. */
function whyAbsent(name: string): KafkaErrorCode {
  try {
    checkTopicName(name)
    return 'UNKNOWN_TOPIC_OR_PARTITION'
  } catch (error) {
    return kafkaCodeOf(error)
  }
}

function present({ directory, settings }: Engine, topic: TopicRecord): TopicAnswer {
  const nodeId = settings['node.id']
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: Array.from({ length: topic.partitions }, (_, partition) => {
      const log = partitionOf(directory, topic.name, partition)
      // A topic that is being made may be seen before all of its partitions are open.
      if (typeof log === 'string') return partitionWithoutLeader(partition, nodeId, log)
      const leads = { errorCode: 0, leaderId: nodeId, leaderEpoch: log.leaderEpoch }
      return { ...leads, partitionIndex: partition, replicaNodes: [nodeId], isrNodes: [nodeId], offlineReplicas: [] }
    }),
    topicAuthorizedOperations: notAsked,
  }
}

function partitionWithoutLeader(partitionIndex: number, nodeId: number, why: KafkaErrorCode) {
  const errorCode = wire(why === 'KAFKA_STORAGE_ERROR' ? why : 'LEADER_NOT_AVAILABLE')
  const nobody = { leaderId: -1, leaderEpoch: -1, isrNodes: [] }
  return { ...nobody, errorCode, partitionIndex, replicaNodes: [nodeId], offlineReplicas: [nodeId] }
}

function absent(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, isInternal: false, partitions: [], topicAuthorizedOperations: notAsked }
}
