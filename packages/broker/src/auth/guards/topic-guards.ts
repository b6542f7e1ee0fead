import { fill, type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import type { OperationName } from '../acl.ts'
import { type Asker, denied, deniedMessage, type Guard, split, topicName } from './guard.ts'

export const guardListOffsets: Guard<'listOffsets'> = async ({ rights }, request, next) => {
  const parts = split(request.topics, ({ name }) => rights.may('describe', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('listOffsets', 'response', {
    topics: parts.denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: denied.topic })),
    })),
  })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

export const guardOffsetForLeaderEpoch: Guard<'offsetForLeaderEpoch'> = async ({ rights }, request, next) => {
  const parts = split(request.topics, ({ topic }) => rights.may('describe', 'topic', topic))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('offsetForLeaderEpoch', 'response', {
    topics: parts.denied.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode: denied.topic })),
    })),
  })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

export const guardDeleteRecords: Guard<'deleteRecords'> = async ({ rights }, request, next) => {
  const parts = split(request.topics, ({ name }) => rights.may('delete', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('deleteRecords', 'response', {
    topics: parts.denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        lowWatermark: -1,
        errorCode: denied.topic,
      })),
    })),
  })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

export const guardDescribeProducers: Guard<'describeProducers'> = async ({ rights }, request, next) => {
  const parts = split(request.topics, ({ name }) => rights.may('read', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('describeProducers', 'response', {
    topics: parts.denied.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: denied.topic })),
    })),
  })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

/** Who may make any topic may see the configs it got only where that is allowed too. */
export const guardCreateTopics: Guard<'createTopics'> = async ({ rights }, request, next) => {
  const mayAll = rights.mayOnCluster('create', 'quietly')
  const parts = split(request.topics, ({ name }) => mayAll || rights.may('create', 'topic', name))
  const answered = await next({ ...request, topics: parts.allowed })
  const made = answered.topics.map((topic) => {
    if (topic.errorCode !== 0 || rights.may('describeConfigs', 'topic', topic.name, 'quietly')) return topic
    return { ...topic, topicConfigErrorCode: denied.topic, numPartitions: -1, replicationFactor: -1, configs: [] }
  })
  const refused = fill('createTopics', 'response', {
    topics: parts.denied.map(({ name }) => ({ name, errorCode: denied.topic, errorMessage: deniedMessage })),
  })
  return { ...answered, topics: [...made, ...refused.topics] }
}

export const guardDeleteTopics: Guard<'deleteTopics'> = async (asker, request, next) => {
  const { rights } = asker
  const parts = split(request.topics, ({ topicId, name }) => {
    const known = topicName(asker, topicId, name)
    return known === undefined || rights.may('delete', 'topic', known)
  })
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('deleteTopics', 'response', {
    responses: parts.denied.map(({ topicId, name }) => {
      // Who was given an id alone learns the name only with the right to.
      const known = topicName(asker, topicId, name)
      const mayKnow = known !== undefined && (topicId === zeroUuid || rights.may('describe', 'topic', known, 'quietly'))
      return { name: mayKnow ? known : null, topicId, errorCode: denied.topic, errorMessage: deniedMessage }
    }),
  })
  return { ...answered, responses: [...answered.responses, ...refused.responses] }
}

export const guardCreatePartitions: Guard<'createPartitions'> = async ({ rights }, request, next) => {
  const parts = split(request.topics, ({ name }) => rights.may('alter', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = parts.denied.map(({ name }) => ({ name, errorCode: denied.topic, errorMessage: deniedMessage }))
  return { ...answered, results: [...answered.results, ...refused] }
}

/** Numbers of what has configs, in the config APIs. */
const configured = { topic: 2, group: 32 } as const

interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

function mayConfigure({ rights }: Asker, operation: OperationName, { resourceType, resourceName }: ConfigResource) {
  if (resourceType === configured.topic) return rights.may(operation, 'topic', resourceName)
  if (resourceType === configured.group) return rights.may(operation, 'group', resourceName)
  return rights.mayOnCluster(operation)
}

function refusedConfigs({ resourceType, resourceName }: ConfigResource) {
  const { topic, group, cluster } = denied
  const errorCode = resourceType === configured.topic ? topic : resourceType === configured.group ? group : cluster
  return { errorCode, errorMessage: deniedMessage, resourceType, resourceName }
}

export const guardDescribeConfigs: Guard<'describeConfigs'> = async (asker, request, next) => {
  const parts = split(request.resources, (resource) => mayConfigure(asker, 'describeConfigs', resource))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, resources: parts.allowed })
  const refused = parts.denied.map((resource) => ({ ...refusedConfigs(resource), configs: [] }))
  return { ...answered, results: [...answered.results, ...refused] }
}

export const guardAlterConfigs: Guard<'alterConfigs'> = async (asker, request, next) => {
  const parts = split(request.resources, (resource) => mayConfigure(asker, 'alterConfigs', resource))
  const answered = await next({ ...request, resources: parts.allowed })
  return { ...answered, responses: [...answered.responses, ...parts.denied.map(refusedConfigs)] }
}

export const guardIncrementalAlterConfigs: Guard<'incrementalAlterConfigs'> = async (asker, request, next) => {
  const parts = split(request.resources, (resource) => mayConfigure(asker, 'alterConfigs', resource))
  const answered = await next({ ...request, resources: parts.allowed })
  return { ...answered, responses: [...answered.responses, ...parts.denied.map(refusedConfigs)] }
}

type MetadataTopic = NonNullable<RequestOf<'metadata'>['topics']>[number]

/** Lists what may be described; of what is asked for by name, says so where it may not. */
export const guardMetadata: Guard<'metadata'> = async (asker, request, next) => {
  const { rights } = asker
  const mayDescribe = (name: string) => rights.may('describe', 'topic', name, 'quietly')
  if (request.topics === null) {
    const answered = await next(request)
    return { ...answered, topics: answered.topics.filter(({ name }) => name !== null && mayDescribe(name)) }
  }
  const parts = split(request.topics, (topic) => {
    const name = topicName(asker, topic.topicId, topic.name)
    if (name === undefined) return true
    return rights.may('describe', 'topic', name) && (!isMade(asker, request, topic, name) || mayCreate(asker, name))
  })
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = fill('metadata', 'response', {
    topics: parts.denied.map(({ topicId, name }) => ({ topicId, name, errorCode: denied.topic })),
  })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

/** Asking for it would make it. */
function isMade({ engine }: Asker, request: RequestOf<'metadata'>, { topicId }: MetadataTopic, name: string): boolean {
  if (!request.allowAutoTopicCreation || !engine.settings['auto.create.topics.enable']) return false
  return topicId === zeroUuid && engine.directory.topic(name) === undefined
}

function mayCreate({ rights }: Asker, name: string): boolean {
  return rights.mayOnCluster('create', 'quietly') || rights.may('create', 'topic', name)
}

/** "All topics" becomes all that may be described, so that no page ends at the name of another. */
export const guardDescribeTopicPartitions: Guard<'describeTopicPartitions'> = async (asker, request, next) => {
  const { rights, engine } = asker
  if (request.topics.length === 0) {
    const mine = engine.directory.topics().filter(({ name }) => rights.may('describe', 'topic', name, 'quietly'))
    if (mine.length === 0) return fill('describeTopicPartitions', 'response', {})
    return await next({ ...request, topics: mine.map(({ name }) => ({ name })) })
  }
  const parts = split(request.topics, ({ name }) => rights.may('describe', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const refused: ResponseOf<'describeTopicPartitions'> = fill('describeTopicPartitions', 'response', {
    topics: parts.denied.map(({ name }) => ({ name, errorCode: denied.topic })),
  })
  if (parts.allowed.length === 0) return refused
  const answered = await next({ ...request, topics: parts.allowed })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}
