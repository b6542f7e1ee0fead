import { kafkaError } from '@millrace/kernel'
import { checkTopicConfigs, checkTopicName, type TopicRecord, topicConfigTable } from '@millrace/log/internal'
import type { ResponseOf } from '@millrace/protocol/internal'
import type { Engine } from './engine.ts'

export type ConfigAnswer = ResponseOf<'describeConfigs'>['results'][number]['configs'][number]

/** Where a value comes from, in DescribeConfigs. */
export const configSource = { topic: 1, staticBroker: 4, default: 5 } as const

/** Kafka's numbers for the types of configs. */
export const configType = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7 } as const

/** Everything that could be wrong with a topic before it is made. @throws as `LogDirectory.createTopic` would. */
export function checkNewTopic({ directory }: Engine, topic: Pick<TopicRecord, 'name' | 'configs'>): void {
  const existing = directory.topics().map(({ name }) => name)
  checkTopicName(topic.name, existing)
  if (existing.includes(topic.name)) throw kafkaError('TOPIC_ALREADY_EXISTS', `topic ${topic.name}`)
  checkTopicConfigs(topic.configs)
}

/** Every config of a topic: its own value, what the data directory was opened with, or Kafka's default. */
export function topicConfigAnswers({ directory }: Engine, topic: TopicRecord): ConfigAnswer[] {
  return topicConfigTable.map((row) => {
    const own = topic.configs.get(row.name)
    const given = directory.topicDefaults.get(row.name)
    const source = given === undefined ? configSource.default : configSource.staticBroker
    const fallback = { name: row.serverName, value: given ?? row.default, source }
    return {
      name: row.name,
      value: own ?? fallback.value,
      readOnly: false,
      configSource: own === undefined ? source : configSource.topic,
      isSensitive: false,
      synonyms: own === undefined ? [fallback] : [{ name: row.name, value: own, source: configSource.topic }, fallback],
      configType: configType[row.type],
      documentation: row.doc,
    }
  })
}
