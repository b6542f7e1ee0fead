import { describe, expect, test } from 'vitest'
import { type ApiName, apiOf, apis, fieldsOf, isApiName } from '../src/apis.ts'
import { type Field, type Fields, type Shape, zeroUuid } from '../src/fields.ts'
import { apiNameOf, servedApis } from '../src/ledger.ts'
import { newestVersion, type VersionRange, versionRange } from '../src/versions.ts'
import { type KafkaField, type KafkaMessage, kafkaClientsJar, kafkaMessages } from './kafka-definitions.ts'

const jar = kafkaClientsJar()
if (jar === undefined) {
  console.warn(
    'SKIPPED: no kafka-clients jar to compare the message tables with. ' +
      'Run `mvn dependency:get -Dartifact=org.apache.kafka:kafka-clients:4.3.0`, or name a jar in KAFKA_CLIENTS_JAR.',
  )
}

/** Both sides in one form, so that the first difference names the field. */
interface Row {
  readonly path: string
  readonly type: string
  readonly versions: VersionRange
  readonly nullable: VersionRange | undefined
  readonly tag: number | undefined
  readonly ignorable: boolean
  readonly default: unknown
}

function ourRows(fields: Fields, path: string): Row[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const row = {
      path: `${path}${name}`,
      type: typeOf(field.shape),
      versions: field.versions,
      nullable: field.nullable.max < 0 ? undefined : field.nullable,
      tag: field.tag,
      ignorable: field.ignorable,
      default: defaultOf(field),
    }
    return [row, ...ourRows(inner(field.shape), `${path}${name}.`)]
  })
}

function typeOf(shape: Shape): string {
  return shape.kind === 'list' ? `[]${typeOf(shape.item)}` : shape.kind
}

function inner(shape: Shape): Fields {
  if (shape.kind === 'list') return inner(shape.item)
  return shape.kind === 'struct' ? shape.fields : {}
}

function defaultOf(field: Field<unknown>): unknown {
  if (field.saturates) return '9223372036854775807'
  const value = field.default
  if (field.shape.kind === 'struct' && value !== null) return 'struct'
  if (field.shape.kind === 'bytes' && value !== null) return 'empty'
  return Array.isArray(value) ? 'empty' : value
}

/** A message's fields with its named structs in the places that name them. */
function inlined(message: KafkaMessage): readonly KafkaField[] {
  const named = new Map(message.commonStructs?.map(({ name, fields }) => [name, fields]))
  const inline = (fields: readonly KafkaField[]): KafkaField[] =>
    fields.map((field) => {
      const inner = field.fields ?? named.get(field.type.replace('[]', ''))
      return inner === undefined ? field : { ...field, fields: inline(inner) }
    })
  return inline(message.fields ?? [])
}

function theirRows(fields: readonly KafkaField[], path: string): Row[] {
  return fields.flatMap((field) => {
    const name = camelCase(field.name)
    const row = {
      path: `${path}${name}`,
      type: field.fields === undefined ? field.type : field.type.startsWith('[]') ? '[]struct' : 'struct',
      versions: versionRange(field.versions as `${number}`),
      nullable: field.nullableVersions === undefined ? undefined : versionRange(field.nullableVersions as `${number}`),
      tag: field.tag,
      ignorable: field.ignorable ?? false,
      default: theirDefault(field),
    }
    return [row, ...theirRows(field.fields ?? [], `${path}${name}.`)]
  })
}

/** The generator's rules for a field without a default, and its notations. */
function theirDefault(field: KafkaField): unknown {
  const { type } = field
  const text = field.default === undefined ? undefined : `${field.default}`
  if (type === 'records' || text === 'null') return null
  if (type.startsWith('[]') || type === 'bytes') return 'empty'
  if (field.fields !== undefined) return 'struct'
  if (type === 'uuid') return zeroUuid
  if (type === 'string') return text ?? ''
  if (type === 'bool') return text === 'true'
  if (text === '9223372036854775807') return text
  return text === undefined ? 0 : Number(text)
}

function camelCase(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function messageName(api: ApiName, direction: 'Request' | 'Response'): string {
  return `${api.charAt(0).toUpperCase()}${api.slice(1)}${direction}`
}

describe.skipIf(jar === undefined)(`message tables against ${jar ?? 'no jar'}`, () => {
  const messages = jar === undefined ? new Map<string, KafkaMessage>() : kafkaMessages(jar)
  const names = Object.keys(apis).filter(isApiName)

  test.each(names)('%s', (api) => {
    const { key, versions, flexible } = apiOf(api)
    for (const direction of ['Request', 'Response'] as const) {
      const theirs = messages.get(messageName(api, direction))
      expect(theirs, messageName(api, direction)).toBeDefined()
      if (theirs === undefined) continue
      expect(key).toBe(theirs.apiKey)
      expect(versions).toEqual(versionRange(theirs.validVersions as `${number}`))
      const flexibleVersions = theirs.flexibleVersions ?? 'none'
      if (flexibleVersions === 'none') expect(flexible.max).toBeLessThan(0)
      else expect(flexible).toEqual(versionRange(flexibleVersions as `${number}`))
      const fields = inlined(theirs)
      expect(ourRows(fieldsOf(api, direction === 'Request' ? 'request' : 'response'), '')).toEqual(
        theirRows(fields, ''),
      )
    }
  })

  test('the ledger knows every key and serves no version that Kafka lacks', () => {
    for (const [name, { apiKey, validVersions }] of messages) {
      if (!name.endsWith('Request') || apiKey === undefined) continue
      expect(apiNameOf(apiKey), name).toBe(camelCase(name.slice(0, -'Request'.length)))
      const served = servedApis.get(apiKey)?.served
      if (served === undefined) continue
      const theirs = versionRange(validVersions as `${number}`)
      expect(served.min, name).toBeGreaterThanOrEqual(theirs.min)
      expect(served.max, name).toBeLessThanOrEqual(Math.min(theirs.max, newestVersion))
    }
  })

  test('no notation of the definitions is overlooked', () => {
    const flat = (fields: readonly KafkaField[]): KafkaField[] => fields.flatMap((f) => [f, ...flat(f.fields ?? [])])
    for (const api of names) {
      for (const direction of ['Request', 'Response'] as const) {
        const message = messages.get(messageName(api, direction))
        for (const field of message === undefined ? [] : flat(inlined(message))) {
          expect(field.flexibleVersions, field.name).toBeUndefined()
          if (field.tag !== undefined) expect(field.taggedVersions, field.name).toBe(field.versions)
        }
      }
    }
  })
})
