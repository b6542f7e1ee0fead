import { kafkaError } from '@millrace/kernel'
import { alterEach, replaceConfigs, topicOf } from '../config-resource.ts'
import type { Handler } from '../engine.ts'

/** Replaces all configs of a topic by those given: the old API, kept for kafkajs. */
export const answerAlterConfigs: Handler<'alterConfigs'> = async (engine, _context, request) => ({
  throttleTimeMs: 0,
  responses: await alterEach(request.resources, async (asked) => {
    const configs = new Map<string, string>()
    for (const { name, value } of asked.configs) {
      if (value === null) throw kafkaError('INVALID_CONFIG', `topic ${asked.resourceName}, ${name}`, 'It has no value.')
      configs.set(name, value)
    }
    await replaceConfigs(engine, topicOf(engine, asked), configs, request.validateOnly)
  }),
})
