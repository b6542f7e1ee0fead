import { kafkaError } from '@millrace/kernel'
import {
  checkTopicConfigs,
  checkTopicName,
  type TopicConfigEntry,
  type TopicRecord,
  topicConfigTable,
} from '@millrace/log/internal'
import type { ResponseOf } from '@millrace/protocol/internal'
import type { Engine } from './engine.ts'
import type { Settings } from './settings.ts'
import { settingsBehind, usualValue } from './topic-default-settings.ts'

export type ConfigAnswer = ResponseOf<'describeConfigs'>['results'][number]['configs'][number]
type Synonyms = ConfigAnswer['synonyms'][number][]

/** Where a value comes from, in DescribeConfigs. */
export const configSource = { topic: 1, staticBroker: 4, default: 5 } as const

/** Kafka's numbers for the types of configs. */
export const configType = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7 } as const

/** Most partitions that one request makes: Kafka's ReplicationControlManager.MAX_PARTITIONS_PER_BATCH. */
export const madeAtOnceMax = 10_000

/** Everything that could be wrong with a topic before it is made. @throws as `LogDirectory.createTopic` would. */
export function checkNewTopic({ directory }: Engine, topic: Pick<TopicRecord, 'name' | 'configs'>): void {
  if (directory.topic(topic.name) !== undefined) throw kafkaError('TOPIC_ALREADY_EXISTS', `topic ${topic.name}`)
  checkTopicName(
    topic.name,
    directory.topics().map(({ name }) => name),
  )
  checkTopicConfigs(topic.configs)
}

/** Every config of a topic: its own value, what the broker's settings or the data directory say, or Kafka's default. */
export function topicConfigAnswers({ directory, settings }: Engine, topic: TopicRecord): ConfigAnswer[] {
  return topicConfigTable.map((row) => {
    const own = topic.configs.get(row.name)
    const given = directory.topicDefaults.get(row.name)
    const source = given === undefined ? configSource.default : configSource.staticBroker
    const synonyms = topicDefaultSynonyms(settings, row, given)
    return {
      name: row.name,
      value: own ?? given ?? row.default,
      readOnly: false,
      configSource: own === undefined ? source : configSource.topic,
      isSensitive: false,
      synonyms:
        own === undefined ? synonyms : [{ name: row.name, value: own, source: configSource.topic }, ...synonyms],
      configType: configType[row.type],
      documentation: row.doc,
    }
  })
}

/** Where the default of a topic config comes from, what counts first. @param given what the log was opened with */
function topicDefaultSynonyms(settings: Settings, row: TopicConfigEntry, given: string | undefined): Synonyms {
  const asGiven = { name: row.serverName, value: given ?? null, source: configSource.staticBroker }
  const isOurs = given === settings.topicDefaults.get(row.name)
  const told = isOurs ? settings.topicDefaultsGiven.get(row.name) : undefined
  const ofBroker = told?.map((one) => ({ ...one, source: configSource.staticBroker })) ?? [asGiven]
  return [...(given === undefined ? [] : ofBroker), ...usualSynonyms(row)]
}

function usualSynonyms(row: TopicConfigEntry): Synonyms {
  return settingsBehind(row).flatMap((name) => {
    const value = usualValue(name, row)
    return value === null ? [] : [{ name, value, source: configSource.default }]
  })
}

/** The broker's settings that give topics their defaults: each with its other units among its synonyms. */
export function topicDefaultAnswers({ directory, settings }: Engine): ConfigAnswer[] {
  return topicConfigTable.flatMap((row) => {
    const given = directory.topicDefaults.get(row.name)
    const synonyms = topicDefaultSynonyms(settings, row, given)
    return settingsBehind(row).map((name) => {
      const found = synonyms.find((synonym) => synonym.name === name)
      return {
        name,
        value: found?.value ?? null,
        readOnly: true,
        configSource: found?.source ?? configSource.default,
        isSensitive: false,
        synonyms,
        configType: name === row.serverName ? configType[row.type] : configType.int,
        documentation: row.doc,
      }
    })
  })
}
