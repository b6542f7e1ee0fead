import { kafkaError } from '@millrace/kernel'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { checkBroker, resourceType, topicOf } from '../config-resource.ts'
import type { Engine, Handler } from '../engine.ts'
import { distinct } from '../named-once.ts'
import type { SettingRow } from '../setting-row.ts'
import { isSettingName } from '../settings.ts'
import { settingsTable } from '../settings-table.ts'
import { type ConfigAnswer, configSource, configType, topicConfigAnswers, topicDefaultAnswers } from '../topic-admin.ts'
import { wireError } from '../wire-error.ts'

type Asked = RequestOf<'describeConfigs'>['resources'][number]
type Answer = ResponseOf<'describeConfigs'>['results'][number]

/** Configs of topics and settings of the broker, with where each value comes from. */
export const answerDescribeConfigs: Handler<'describeConfigs'> = (engine, _context, request) => ({
  throttleTimeMs: 0,
  results: distinct(request.resources, keyOf).map((asked): Answer => {
    const { resourceType: type, resourceName } = asked
    try {
      const keys = asked.configurationKeys
      const configs = configsOf(engine, asked)
        .filter(({ name }) => keys === null || keys.length === 0 || keys.includes(name))
        .map((config) => ({
          ...config,
          synonyms: request.includeSynonyms ? config.synonyms : [],
          documentation: request.includeDocumentation ? config.documentation : null,
        }))
      return { errorCode: 0, errorMessage: null, resourceType: type, resourceName, configs }
    } catch (error) {
      return { ...wireError(error), resourceType: type, resourceName, configs: [] }
    }
  }),
})

function keyOf({ resourceType: type, resourceName, configurationKeys }: Asked): string {
  return JSON.stringify([type, resourceName, configurationKeys])
}

function configsOf(engine: Engine, asked: Asked): ConfigAnswer[] {
  switch (asked.resourceType) {
    case resourceType.topic:
      return topicConfigAnswers(engine, topicOf(engine, asked))
    case resourceType.broker:
      checkBroker(engine, asked)
      return brokerConfigs(engine)
    default:
      throw kafkaError(
        'INVALID_REQUEST',
        `resource type ${asked.resourceType}`,
        'Only topics (2) and brokers (4) are known.',
      )
  }
}

function typeOf(row: SettingRow): number {
  if (row.type !== 'number') return configType[row.type]
  return row.isDouble === true ? configType.double : configType.long
}

function brokerConfigs(engine: Engine): ConfigAnswer[] {
  const { settings } = engine
  const own = Object.entries(settingsTable).flatMap(([name, row]: [string, SettingRow]): ConfigAnswer[] => {
    if (!isSettingName(name)) return []
    const isSensitive = row.type === 'string' && row.isSecret
    const value = isSensitive ? null : String(settings[name])
    const source = settings[name] === row.default ? configSource.default : configSource.staticBroker
    return [
      {
        name,
        value,
        readOnly: true,
        configSource: source,
        isSensitive,
        synonyms: [{ name, value, source }],
        configType: typeOf(row),
        documentation: row.doc,
      },
    ]
  })
  return [...own, ...topicDefaultAnswers(engine)]
}
