import { type KafkaErrorCode, kafkaError } from '@millrace/kernel'
import { checkTopicConfigs, checkTopicName, type TopicRecord } from '@millrace/log/internal'
import type { Engine } from './engine.ts'
import { isInternalTopic } from './internal-topics.ts'
import { namedOnce } from './named-once.ts'
import { refusal, wireError } from './wire-error.ts'

/** Kafka's numbers for what can have configs. */
export const resourceType = { topic: 2, broker: 4 } as const

export interface AskedResource {
  readonly resourceType: number
  readonly resourceName: string
}

/** The topic of a resource. @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION */
export function topicOf({ directory }: Engine, { resourceName }: AskedResource): TopicRecord {
  const topic = directory.topic(resourceName)
  if (topic !== undefined) return topic
  checkTopicName(resourceName)
  throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic ${resourceName}`)
}

/** @throws INVALID_REQUEST unless the resource is this broker, or all of them. */
export function checkBroker({ settings }: Engine, { resourceName }: AskedResource): void {
  const nodeId = settings['node.id']
  if (resourceName === '' || resourceName === String(nodeId)) return
  throw kafkaError('INVALID_REQUEST', `broker ${resourceName}`, `This is broker ${nodeId}, the only one.`)
}

/** Replaces a topic's own configs, or only looks whether that could be done. @throws what the log refuses. */
export async function replaceConfigs(
  engine: Engine,
  topic: TopicRecord,
  configs: ReadonlyMap<string, string>,
  validateOnly: boolean,
): Promise<void> {
  if (isInternalTopic(topic.name) && configs.get('cleanup.policy') !== topic.configs.get('cleanup.policy')) {
    throw kafkaError('INVALID_CONFIG', `topic ${topic.name}`, 'The cleanup policy of an internal topic is fixed.')
  }
  checkTopicConfigs(configs)
  if (!validateOnly) await engine.directory.alterConfigs(topic.name, configs)
}

/**
 * Each topic by itself, and each once: one that is named twice is refused, as in Kafka, and stays as it is.
 *
 * @param alterBroker what may be asked of the broker: nothing, unless it is given
 */
export async function alterEach<T extends AskedResource>(
  resources: readonly T[],
  alter: (asked: T) => Promise<void>,
  alterBroker: (asked: T) => void = refuseToAlter,
) {
  const nameOf = ({ resourceType: type, resourceName }: T) => `${type} ${resourceName}`
  const { once, twice } = namedOnce(resources, nameOf)
  const done = once.map(async (asked) => {
    const resource = { resourceType: asked.resourceType, resourceName: asked.resourceName }
    try {
      if (asked.resourceType === resourceType.topic) await alter(asked)
      else if (asked.resourceType === resourceType.broker) alterBroker(asked)
      else refuseToAlter(asked)
      return { errorCode: 0, errorMessage: null, ...resource }
    } catch (error) {
      return { ...wireError(error), ...resource }
    }
  })
  const refused = twice.map(({ resourceType: type, resourceName }) => {
    return {
      ...refusal('INVALID_REQUEST', 'Each resource must appear at most once.'),
      resourceType: type,
      resourceName,
    }
  })
  return [...(await Promise.all(done)), ...refused]
}

/** @throws INVALID_CONFIG, INVALID_REQUEST: only topics can be altered while the broker runs */
export function refuseToAlter(asked: AskedResource): never {
  const code: KafkaErrorCode = asked.resourceType === resourceType.broker ? 'INVALID_CONFIG' : 'INVALID_REQUEST'
  const what = asked.resourceType === resourceType.broker ? 'Settings of the broker are given at its start.' : ''
  throw kafkaError(code, `resource ${asked.resourceType} "${asked.resourceName}"`, what || 'Only topics have configs.')
}
