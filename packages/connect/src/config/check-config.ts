import {
  type CheckContext,
  type ConfigProblem,
  type ConfigValue,
  type Connector,
  type Converter,
  converterOf,
  type OptionSchema,
  type RawConfig,
} from '@millrace/connect-api'
import { messageOf, nearest } from '@millrace/kernel'
import { Ajv, type ErrorObject } from 'ajv'
import { ConnectorConfigError } from './config-errors.ts'
import type { ConnectorRegistry } from './connector-registry.ts'
import { type Environment, hidden, resolveReferences, secretsOf } from './env-references.ts'
import { commonOptions, sinkOptions, sourceOptions, sourcePatterns } from './framework-options.ts'

/** A config that may be started: defaults in, references resolved. Lives in memory only. */
export interface CheckedConfig {
  readonly connector: Connector
  readonly config: Readonly<Record<string, ConfigValue>>
  readonly secrets: readonly string[]
}

export interface CheckWorld extends CheckContext {
  readonly registry: ConnectorRegistry
  readonly environment: Environment
}

/**
 * Checks everything that can be checked before a start.
 *
 * @throws ConnectorConfigError with all problems.
 */
export function checkConfig(name: string, raw: RawConfig, world: CheckWorld): CheckedConfig {
  const found = world.registry.find(raw)
  if ('problem' in found) throw new ConnectorConfigError(name, [found])
  const { connector } = found
  const resolved = resolveReferences(found.config, world.environment)
  const problems = [...resolved.problems]
  if (!/^[^/\\\p{Cc}]+$/u.test(name)) {
    problems.push({ option: 'name', problem: 'must not be empty or hold slashes or control characters', value: name })
  }
  if (raw['name'] !== undefined && raw['name'] !== name) {
    problems.push({
      option: 'name',
      problem: `is not the connector's, ${name}`,
      value: raw['name'],
      fix: 'Leave it out.',
    })
  }
  const { config } = resolved
  const secrets = [...resolved.secrets, ...secretsOf(config, connector.config)]
  problems.push(...schemaProblems(connector, config))
  for (const [option, value] of Object.entries(config)) {
    if (value === hidden)
      problems.push({
        option,
        problem: 'is the mask of a secret, not the secret',
        fix: `Write the value, or \${env:NAME}.`,
      })
  }
  if (problems.length === 0) {
    problems.push(...converterProblems(config))
    if (connector.kind === 'sink') problems.push(...topicsProblems(config))
    for (const option of ['topic', 'errors.deadletterqueue.topic.name']) {
      const topic = config[option]
      if (typeof topic === 'string') problems.push(...topicProblem(option, topic))
    }
    problems.push(...exactlyOnceProblems(connector, config), ...(connector.check?.(config, world) ?? []))
  }
  if (problems.length > 0) throw new ConnectorConfigError(name, problems)
  return { connector, config, secrets }
}

/** All options a connector takes: its own and the runtime's. */
export function optionsOf(connector: Connector): Readonly<Record<string, OptionSchema>> {
  return {
    ...commonOptions,
    ...(connector.kind === 'source' ? sourceOptions : sinkOptions),
    ...connector.config.properties,
  }
}

function schemaProblems(connector: Connector, config: Record<string, ConfigValue>): ConfigProblem[] {
  const properties = optionsOf(connector)
  const ajv = new Ajv({ allErrors: true, coerceTypes: true, useDefaults: true, verbose: true, strict: false })
  const required = [...(connector.config.required ?? []), ...(connector.kind === 'sink' ? ['topics'] : [])]
  const validate = ajv.compile({
    type: 'object',
    properties,
    patternProperties: connector.kind === 'source' ? sourcePatterns : {},
    required,
    additionalProperties: false,
    ...(connector.config.anyOf === undefined ? {} : { anyOf: connector.config.anyOf }),
  })
  if (validate(config)) return []
  return (validate.errors ?? []).filter(isNews).map((error) => problemOf(error, Object.keys(properties)))
}

/** What stands inside `anyOf` is said by the `anyOf` itself. */
function isNews(error: ErrorObject): boolean {
  return !/\/(?:anyOf|oneOf)\/\d+\//.test(error.schemaPath)
}

function problemOf(error: ErrorObject, known: readonly string[]): ConfigProblem {
  const place = optionAt(error.instancePath)
  const inside = (name: unknown) => (place === '' ? String(name) : `${place}.${String(name)}`)
  if (error.keyword === 'required') {
    return { option: inside(error.params['missingProperty']), problem: 'is missing', fix: 'Give it a value.' }
  }
  if (error.keyword === 'additionalProperties') {
    const name = String(error.params['additionalProperty'])
    const there = place === '' ? known : Object.keys(propertiesOf(error.parentSchema))
    const near = nearest(name, there)
    const fix = near === undefined ? `Known: ${there.join(', ')}.` : `Did you mean ${near}?`
    return { option: inside(name), problem: 'is not an option', fix }
  }
  const secret = error.parentSchema?.['writeOnly'] === true
  const allowed: unknown = error.params['allowedValues']
  const choices = Array.isArray(allowed) ? allowed.map(String) : []
  const near = typeof error.data === 'string' ? nearest(error.data, choices) : undefined
  const choice = `${near === undefined ? '' : `Did you mean ${near}? `}Use one of ${choices.join(', ')}.`
  return {
    option: place === '' ? 'config' : place,
    problem: error.message ?? 'is not valid',
    ...(secret ? {} : { value: shownValue(error.data) }),
    ...(choices.length > 0 && { fix: choice }),
    ...(error.keyword === 'anyOf' && place === '' && { fix: 'See the options of the connector.', value: undefined }),
  }
}

function propertiesOf(schema: unknown): object {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return {}
  return typeof schema.properties === 'object' && schema.properties !== null ? schema.properties : {}
}

function shownValue(value: unknown): ConfigValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return JSON.stringify(value) ?? null
}

/** `/columns/0/name` as `columns[0].name`. */
function optionAt(instancePath: string): string {
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '')
}

/** The converter of a side, from options such as `key.converter.inner`. @throws CONFIG */
export function converterFor(side: 'key' | 'value', config: Readonly<Record<string, unknown>>): Converter {
  const option = `${side}.converter`
  const prefix = `${option}.`
  const options = Object.entries(config).filter(([name]) => name.startsWith(prefix))
  const inner = Object.fromEntries(options.map(([name, value]) => [name.slice(prefix.length), value]))
  return converterOf(option, String(config[option]), inner)
}

function converterProblems(config: Readonly<Record<string, ConfigValue>>): ConfigProblem[] {
  return (['key', 'value'] as const).flatMap((side) => {
    try {
      converterFor(side, config)
      return []
    } catch (error) {
      return [{ option: `${side}.converter`, problem: messageOf(error) }]
    }
  })
}

/** The topics of a sink: a list, or text with commas. */
export function topicsOf(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { topics } = config
  const names: readonly unknown[] = Array.isArray(topics) ? topics : String(topics).split(',')
  return names.map((name) => String(name).trim()).filter((name) => name !== '')
}

function topicsProblems(config: Readonly<Record<string, ConfigValue>>): ConfigProblem[] {
  const topics = topicsOf(config)
  if (topics.length === 0) return [{ option: 'topics', problem: 'names no topic', fix: 'Name at least one.' }]
  return topics.flatMap((topic) => topicProblem('topics', topic))
}

function exactlyOnceProblems(connector: Connector, config: Readonly<Record<string, ConfigValue>>): ConfigProblem[] {
  const option = 'exactly.once.support'
  if (config[option] !== 'required') return []
  if (connector.kind === 'sink') {
    if (connector.exactlyOnce === true) return []
    const problem = `is more than ${connector.name} can do`
    return [{ option, problem, value: 'required', fix: 'Leave it out: what a crash repeats is then written again.' }]
  }
  const acks = config['producer.override.acks']
  if (acks === undefined || acks === 'all' || Number(acks) === -1) return []
  return [
    { option: 'producer.override.acks', problem: 'must be all under exactly-once', value: acks, fix: 'Leave it out.' },
  ]
}

/** Kafka's rule for topic names. */
export function topicProblem(option: string, topic: string): ConfigProblem[] {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(topic) && topic !== '.' && topic !== '..') return []
  const fix = 'Use up to 249 letters, digits, dots, underscores and dashes.'
  return [{ option, problem: 'is no topic name that Kafka takes', value: topic, fix }]
}
