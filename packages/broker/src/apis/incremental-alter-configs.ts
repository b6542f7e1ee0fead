import { kafkaError } from '@millrace/kernel'
import { topicConfig } from '@millrace/log/internal'
import type { RequestOf } from '@millrace/protocol/internal'
import { alterEach, checkBroker, refuseToAlter, replaceConfigs, topicOf } from '../config-resource.ts'
import type { Handler } from '../engine.ts'

type Change = RequestOf<'incrementalAlterConfigs'>['resources'][number]['configs'][number]

/** Kafka's numbers for what is done to a config (KIP-339). */
const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/**
 * Changes single configs of a topic; the others stay. Of the broker nothing was changed since its start, so what was
 * can be taken back: `kafka-reassign-partitions.sh --verify` takes back its throttles, whether there are any or not.
 */
export const answerIncrementalAlterConfigs: Handler<'incrementalAlterConfigs'> = async (engine, _context, request) => ({
  throttleTimeMs: 0,
  responses: await alterEach(
    request.resources,
    async (asked) => {
      const topic = topicOf(engine, asked)
      const configs = new Map(topic.configs)
      const seen = new Set<string>()
      for (const change of asked.configs) {
        if (seen.has(change.name)) throw kafkaError('INVALID_REQUEST', change.name, 'It is changed twice.')
        seen.add(change.name)
        apply(configs, change)
      }
      await replaceConfigs(engine, topic, configs, request.validateOnly)
    },
    (asked) => {
      checkBroker(engine, asked)
      if (asked.configs.some(({ configOperation }) => configOperation !== operation.delete)) refuseToAlter(asked)
    },
  ),
})

function apply(configs: Map<string, string>, { name, configOperation, value }: Change): void {
  switch (configOperation) {
    case operation.delete:
      configs.delete(name)
      return
    case operation.set:
      configs.set(name, given(name, value))
      return
    case operation.append:
    case operation.subtract: {
      const row = topicConfig(name)
      if (row?.type !== 'list')
        throw kafkaError('INVALID_CONFIG', name, 'Only a list is appended to or subtracted from.')
      const changed = items(given(name, value))
      const kept = items(configs.get(name) ?? row.default).filter((item) => !changed.includes(item))
      configs.set(name, (configOperation === operation.append ? [...kept, ...changed] : kept).join(','))
      return
    }
    default:
      throw kafkaError('INVALID_REQUEST', name, `Operation ${configOperation} is unknown.`)
  }
}

function given(name: string, value: string | null): string {
  if (value === null) throw kafkaError('INVALID_REQUEST', name, 'It has no value.')
  return value
}

function items(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
