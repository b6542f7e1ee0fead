import { configError, nearest } from '@millrace/kernel'
import type { ConfigEntry, ConfigResource } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'
import { missingTopic } from './topics.ts'

/** Kafka's ConfigResource.Type. */
const resourceTypes = { topic: 2, broker: 4, 'broker-logger': 8, 'client-metrics': 16, group: 32 } as const

/** IncrementalAlterConfigs' operations. */
const setConfig = 0
const deleteConfig = 1
/** DescribeConfigs' sources. */
const dynamicTopicConfig = 1
const defaultConfig = 5
const dynamicClientMetricsConfig = 7
const dynamicGroupConfig = 8

export async function describeConfigs(
  link: AdminLink,
  resource: ConfigResource,
  options: CallOptions,
): Promise<ReadonlyMap<string, ConfigEntry>> {
  const { type, name } = resource
  const request = { resources: [{ resourceType: typeOf(type), resourceName: name, configurationKeys: null }] }
  const answer = await link.retrying(options, async () => {
    const node = nodeOf(resource)
    const connection = await (node === undefined ? link.cluster.any() : link.cluster.to(node))
    return link.ask(connection, 'describeConfigs', request, options)
  })
  const entries = new Map<string, ConfigEntry>()
  for (const result of answer.results) {
    throwIfError(result.errorCode, `${type} ${name}`, result.errorMessage ?? undefined)
    for (const { name: key, value, readOnly, isSensitive: sensitive, configSource } of result.configs) {
      entries.set(key, { value, source: sourceOf(configSource), readOnly, sensitive })
    }
  }
  return entries
}

export async function alterConfigs(
  link: AdminLink,
  resource: ConfigResource,
  changes: Readonly<Record<string, string | null>>,
  options: CallOptions,
): Promise<void> {
  const { type, name } = resource
  const configs = Object.entries(changes).map(([key, value]) => ({
    name: key,
    configOperation: value === null ? deleteConfig : setConfig,
    value,
  }))
  const unknown = await link.retrying(options, async () => {
    const resources = [{ resourceType: typeOf(type), resourceName: name, configs }]
    const node = nodeOf(resource)
    const connection = await (node === undefined ? link.cluster.controller() : link.cluster.to(node))
    const answer = await link.ask(connection, 'incrementalAlterConfigs', { resources }, options)
    return answer.responses.map((row) =>
      missingTopic(row.errorCode, `${type} ${row.resourceName}`, row.errorMessage),
    )[0]
  })
  if (unknown !== undefined) throw unknown
}

/** A broker's own settings are known by that broker alone; the empty name is the default of all. */
function nodeOf({ type, name }: ConfigResource): number | undefined {
  return (type === 'broker' || type === 'broker-logger') && name !== '' ? Number(name) : undefined
}

function typeOf(type: ConfigResource['type']): number {
  const known: number | undefined = resourceTypes[type]
  if (known !== undefined) return known
  const near = nearest(type, Object.keys(resourceTypes))
  throw configError('resource.type', 'is no kind of resource', type, near && `Did you mean "${near}"?`)
}

function sourceOf(wire: number): ConfigEntry['source'] {
  if (wire === dynamicTopicConfig) return 'topic'
  if (wire === dynamicGroupConfig) return 'group'
  if (wire === dynamicClientMetricsConfig) return 'client-metrics'
  return wire === defaultConfig ? 'default' : 'broker'
}
