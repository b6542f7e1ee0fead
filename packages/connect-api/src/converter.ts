import type { Buffer } from 'node:buffer'
import { type ByteWriter, configError, MillraceError, nearest } from '@millrace/kernel'
import type { ConnectSchema } from '@millrace/schema'
import { bytes, integer, json, long, number, type Serde, string, windowed } from '@millrace/schema'
import { readEnvelope, writeEnvelope } from './json-envelope.ts'
import type { SchemaAndValue } from './schema-and-value.ts'

/**
 * Turns a key or value of Connect into a record's bytes and back. Null never reaches it: a null key or value stays
 * null.
 */
export interface Converter {
  /** For errors and status: `json`, `windowed(string)`. */
  readonly name: string
  /** `json`: plain JSON text, which a fast source may write by itself. */
  readonly form: 'json' | 'json-with-schema' | 'string' | 'bytes' | 'other'
  /** @throws BAD_RECORD when it cannot carry the value. */
  write(schema: ConnectSchema | null, value: unknown, into: ByteWriter): void
  /** @throws BAD_RECORD for bytes that are not its own. */
  read(bytes: Buffer, from: number, to: number): unknown
  /** Present where a schema travels with the value. */
  readWithSchema?(bytes: Buffer, from: number, to: number): SchemaAndValue
}

/** Options of one converter, without the `key.converter.` or `value.converter.` in front. */
export type ConverterOptions = Readonly<Record<string, unknown>>

/** Kafka Connect's classes by our short names; theirs carry a schema by default, ours do not. */
const classNames: Readonly<Record<string, string>> = {
  'org.apache.kafka.connect.json.JsonConverter': 'json',
  'org.apache.kafka.connect.storage.StringConverter': 'string',
  'org.apache.kafka.connect.converters.ByteArrayConverter': 'bytes',
  'org.apache.kafka.connect.converters.IntegerConverter': 'integer',
  'org.apache.kafka.connect.converters.LongConverter': 'long',
  'org.apache.kafka.connect.converters.DoubleConverter': 'double',
}

const shortNames = ['json', 'string', 'bytes', 'integer', 'long', 'double', 'windowed'] as const

/** Options that a converter takes beside its name. */
export const converterOptionNames = ['schemas.enable', 'schemas.cache.size', 'inner', 'window.size.ms'] as const

/**
 * The converter a config names.
 *
 * `json` (`schemas.enable`: the value travels with its schema, Kafka's envelope), `string`, `bytes`, `integer`, `long`,
 * `double`, `windowed` (`inner`, `window.size.ms`: keys of a time window as Kafka Streams writes them).
 *
 * @throws CONFIG naming `option`.
 */
export function converterOf(option: string, name: string, options: ConverterOptions = {}): Converter {
  const alias = classNames[name]
  const short = alias ?? name
  if (short === 'windowed') return windowedConverter(option, options)
  if (short === 'json') {
    const withSchema = options['schemas.enable'] ?? alias !== undefined
    return String(withSchema) === 'true' ? jsonWithSchema : plainJson
  }
  const serde = serdes.get(short)
  if (serde !== undefined) return serde
  const near = nearest(name, [...shortNames, ...Object.keys(classNames)])
  const known = `Known: ${shortNames.join(', ')}.`
  throw configError(option, 'names no converter', name, near === undefined ? known : `Did you mean ${near}? ${known}`)
}

function converterOfSerde<T>(
  serde: Serde<T>,
  form: Converter['form'],
  accepts: (value: unknown) => value is T,
): Converter {
  return Object.freeze({
    name: serde.name,
    form,
    write(_schema: ConnectSchema | null, value: unknown, into: ByteWriter) {
      if (!accepts(value)) {
        throw new MillraceError('BAD_RECORD', `cannot carry a ${typeof value}`, { place: `${serde.name} converter` })
      }
      serde.write(value, into)
    },
    read: (from: Buffer, start: number, end: number): unknown => serde.read(from, start, end),
  })
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isText = (value: unknown): value is string => typeof value === 'string'
const isBuffer = (value: unknown): value is Buffer => value instanceof Uint8Array
const isAny = (value: unknown): value is unknown => value !== undefined

const plainJson = converterOfSerde(json<unknown>(), 'json', isAny)

const serdes: ReadonlyMap<string, Converter> = new Map([
  ['string', textConverter()],
  ['bytes', converterOfSerde(bytes(), 'bytes', isBuffer)],
  ['integer', converterOfSerde(integer(), 'other', isNumber)],
  ['double', converterOfSerde(number(), 'other', isNumber)],
  ['long', converterOfSerde(long(), 'other', isNumber)],
])

/** As Kafka's StringConverter: what is not text is written as its text. */
function textConverter(): Converter {
  const inner = converterOfSerde(string(), 'string', isText)
  return Object.freeze({
    ...inner,
    write(schema: ConnectSchema | null, value: unknown, into: ByteWriter) {
      inner.write(schema, typeof value === 'object' ? JSON.stringify(value) : String(value), into)
    },
  })
}

const jsonWithSchema: Converter = Object.freeze({
  name: 'json with schema',
  form: 'json-with-schema',
  write(schema: ConnectSchema | null, value: unknown, into: ByteWriter) {
    plainJson.write(null, writeEnvelope(schema, value), into)
  },
  read: (from: Buffer, start: number, end: number) => readEnvelope(plainJson.read(from, start, end), start).value,
  readWithSchema: (from: Buffer, start: number, end: number) => readEnvelope(plainJson.read(from, start, end), start),
})

function windowedConverter(option: string, options: ConverterOptions): Converter {
  const size = Number(options['window.size.ms'])
  if (!Number.isSafeInteger(size) || size <= 0) {
    const fix = 'Give the size of the window in milliseconds, for example 3600000 for an hour.'
    throw configError(`${option}.window.size.ms`, 'must be a whole number above zero', options['window.size.ms'], fix)
  }
  const inner = converterOf(`${option}.inner`, String(options['inner'] ?? 'string'))
  const serde = windowed<unknown>(serdeOfConverter(inner), { ms: size })
  return converterOfSerde(serde, 'other', (value): value is { key: unknown; start: number; end: number } => {
    return typeof value === 'object' && value !== null && 'key' in value && 'start' in value && isNumber(value.start)
  })
}

function serdeOfConverter(converter: Converter): Serde<unknown> {
  return {
    name: converter.name,
    read: (from: Buffer, start: number, end: number) => converter.read(from, start, end),
    write: (value: unknown, into: ByteWriter) => converter.write(null, value, into),
  }
}
