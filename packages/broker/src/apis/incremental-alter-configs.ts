import { kafkaError } from '@millrace/kernel'
import { topicConfig } from '@millrace/log/internal'
import type { RequestOf } from '@millrace/protocol/internal'
import { cannotAlter, replaceConfigs, resourceType, topicOf } from '../config-resource.ts'
import type { Handler } from '../engine.ts'
import { wireError } from '../wire-error.ts'

type Change = RequestOf<'incrementalAlterConfigs'>['resources'][number]['configs'][number]

/** Kafka's numbers for what is done to a config (KIP-339). */
const operation = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** Changes single configs of a topic; the others stay. */
export const answerIncrementalAlterConfigs: Handler<'incrementalAlterConfigs'> = async (engine, _context, request) => ({
  throttleTimeMs: 0,
  responses: await Promise.all(
    request.resources.map(async (asked) => {
      const resource = { resourceType: asked.resourceType, resourceName: asked.resourceName }
      try {
        if (asked.resourceType !== resourceType.topic) throw cannotAlter(asked)
        const topic = topicOf(engine, asked)
        const configs = new Map(topic.configs)
        const seen = new Set<string>()
        for (const change of asked.configs) {
          if (seen.has(change.name)) throw kafkaError('INVALID_REQUEST', change.name, 'It is changed twice.')
          seen.add(change.name)
          apply(configs, change)
        }
        await replaceConfigs(engine, topic, configs, request.validateOnly)
        return { errorCode: 0, errorMessage: null, ...resource }
      } catch (error) {
        return { ...wireError(error), ...resource }
      }
    }),
  ),
})

function apply(configs: Map<string, string>, { name, configOperation, value }: Change): void {
  if (configOperation === operation.delete) {
    configs.delete(name)
    return
  }
  if (value === null) throw kafkaError('INVALID_CONFIG', name, 'It has no value.')
  if (configOperation === operation.set) {
    configs.set(name, value)
    return
  }
  const row = topicConfig(name)
  if (row?.type !== 'list')
    throw kafkaError('INVALID_CONFIG', name, 'Only a list can be appended to or subtracted from.')
  const held = items(configs.get(name) ?? row.default)
  const given = items(value)
  if (configOperation === operation.append) {
    configs.set(name, [...held, ...given.filter((item) => !held.includes(item))].join(','))
  } else if (configOperation === operation.subtract) {
    configs.set(name, held.filter((item) => !given.includes(item)).join(','))
  } else throw kafkaError('INVALID_REQUEST', name, `Operation ${configOperation} is unknown.`)
}

function items(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
