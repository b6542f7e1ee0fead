import type {
  AlterConfigsResponse,
  ConfigEntries,
  DescribeConfigResponse,
  IResourceConfig,
  ResourceConfigQuery,
} from '../admin.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import { type Link, throwIfRefused } from '../link.ts'
import { ConfigResourceTypes, ConfigSource } from '../resource-types.ts'
import { mayAskAgain } from './topics.ts'

interface Resource {
  readonly type: number
  readonly name: string
}

export async function describeConfigs(
  link: Link,
  resources: readonly ResourceConfigQuery[],
  includeSynonyms: boolean,
): Promise<DescribeConfigResponse> {
  checkResources(resources)
  for (const resource of resources) {
    const { configNames } = resource
    if (configNames === undefined || configNames === null || Array.isArray(configNames)) continue
    throw new KafkaJSNonRetriableError(`Invalid resource configNames ${configNames}: ${JSON.stringify(resource)}`)
  }
  const results = await link.retrying(async () => {
    const answers = [...byBroker(resources)].map(async ([nodeId, rows]) => {
      const answer = await link.ask(await brokerFor(link, nodeId), 'describeConfigs', {
        resources: rows.map(({ type, name, configNames }) => ({
          resourceType: type,
          resourceName: name,
          configurationKeys: configNames === undefined || configNames.length === 0 ? null : configNames,
        })),
        includeSynonyms: includeSynonyms ?? false,
      })
      for (const row of answer.results) throwIfRefused(row.errorCode, row.errorMessage)
      return answer.results
    })
    return (await Promise.all(answers)).flat()
  }, mayAskAgain)
  return {
    resources: results.map((row) => ({
      errorCode: row.errorCode,
      errorMessage: row.errorMessage ?? '',
      resourceType: resourceType(row.resourceType),
      resourceName: row.resourceName,
      configEntries: row.configs.map(configEntry),
    })),
    throttleTime: 0,
  }
}

interface ConfigRow {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: number }[]
}

function configEntry(row: ConfigRow): ConfigEntries {
  return {
    configName: row.name,
    // kafkajs gives null for a value that is not shown, though its types say otherwise.
    configValue: row.value as string,
    readOnly: row.readOnly,
    isDefault: row.configSource === ConfigSource.DEFAULT_CONFIG,
    configSource: configSource(row.configSource),
    isSensitive: row.isSensitive,
    configSynonyms: row.synonyms.map(({ name, value, source }) => ({
      configName: name,
      configValue: value as string,
      configSource: configSource(source),
    })),
  }
}

/** Replaces all that is set for a resource: AlterConfigs, as kafkajs asks it. */
export async function alterConfigs(
  link: Link,
  resources: readonly IResourceConfig[],
  validateOnly: boolean,
): Promise<AlterConfigsResponse> {
  checkResources(resources)
  for (const resource of resources) {
    const { configEntries } = resource
    if (!Array.isArray(configEntries)) {
      const given = JSON.stringify(resource)
      throw new KafkaJSNonRetriableError(`Invalid resource configEntries ${configEntries}: ${given}`)
    }
    if (configEntries.some(({ name, value }) => typeof name !== 'string' || typeof value !== 'string')) {
      throw new KafkaJSNonRetriableError(`Invalid resource config value: ${JSON.stringify(resource)}`)
    }
  }
  const rows = await link.retrying(async () => {
    const answers = [...byBroker(resources)].map(async ([nodeId, given]) => {
      const answer = await link.ask(await brokerFor(link, nodeId), 'alterConfigs', {
        resources: given.map(({ type, name, configEntries }) => ({
          resourceType: type,
          resourceName: name,
          configs: configEntries,
        })),
        validateOnly: validateOnly ?? false,
      })
      for (const row of answer.responses) throwIfRefused(row.errorCode, row.errorMessage)
      return answer.responses
    })
    return (await Promise.all(answers)).flat()
  }, mayAskAgain)
  return { resources: rows.map((row) => ({ ...row })), throttleTime: 0 }
}

/** A broker's own configs are asked of that broker; the rest of the controller, under `undefined`. */
function byBroker<R extends Resource>(resources: readonly R[]): Map<number | undefined, R[]> {
  const groups = new Map<number | undefined, R[]>()
  for (const resource of resources) {
    const { type, name } = resource
    const own = type === ConfigResourceTypes.BROKER || type === ConfigResourceTypes.BROKER_LOGGER
    const nodeId = own ? Number(name) : undefined
    groups.set(nodeId, [...(groups.get(nodeId) ?? []), resource])
  }
  return groups
}

async function brokerFor(link: Link, nodeId: number | undefined) {
  const cluster = await link.open()
  await cluster.refresh()
  return nodeId === undefined ? cluster.controller() : cluster.to(nodeId)
}

function checkResources(resources: readonly Resource[]): void {
  if (!Array.isArray(resources)) throw new KafkaJSNonRetriableError(`Invalid resources array ${resources}`)
  if (resources.length === 0) throw new KafkaJSNonRetriableError('Resources array cannot be empty')
  const types: readonly number[] = Object.values(ConfigResourceTypes)
  for (const resource of resources) {
    const { type, name } = resource
    const given = JSON.stringify(resource)
    if (!types.includes(type)) throw new KafkaJSNonRetriableError(`Invalid resource type ${type}: ${given}`)
    if (!name || typeof name !== 'string') {
      throw new KafkaJSNonRetriableError(`Invalid resource name ${name}: ${given}`)
    }
  }
}

function resourceType(wire: number): ConfigResourceTypes {
  return Object.values(ConfigResourceTypes).find((type) => type === wire) ?? ConfigResourceTypes.UNKNOWN
}

function configSource(wire: number): ConfigSource {
  return Object.values(ConfigSource).find((source) => source === wire) ?? ConfigSource.UNKNOWN
}
