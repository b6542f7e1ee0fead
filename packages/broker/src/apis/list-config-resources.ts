import { resourceType } from '../config-resource.ts'
import type { Engine, Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

/** Kafka's numbers of what else it lists: there is none of them here. */
const empty = { brokerLogger: 8, clientMetrics: 16, group: 32 } as const
const listed: readonly number[] = [resourceType.topic, resourceType.broker, ...Object.values(empty)]

/**
 * Names of what has configs, of the types that are asked for or of all (KIP-1142). Before version 1 there were client
 * metrics alone. Source: Apache Kafka, KafkaApis.handleListConfigResources.
 */
export const answerListConfigResources: Handler<'listConfigResources'> = (engine, { apiVersion }, request) => {
  const offered = apiVersion >= 1 ? listed : [empty.clientMetrics]
  const asked = request.resourceTypes.length === 0 ? offered : [...new Set(request.resourceTypes)]
  if (asked.some((type) => !offered.includes(type))) {
    return { throttleTimeMs: 0, errorCode: wire('UNSUPPORTED_VERSION'), configResources: [] }
  }
  const configResources = asked.flatMap((type) =>
    namesOf(engine, type).map((resourceName) => ({ resourceName, resourceType: type })),
  )
  return { throttleTimeMs: 0, errorCode: 0, configResources }
}

function namesOf({ directory, settings }: Engine, type: number): string[] {
  if (type === resourceType.topic) return directory.topics().map(({ name }) => name)
  return type === resourceType.broker ? [String(settings['node.id'])] : []
}
