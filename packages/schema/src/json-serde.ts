import { Buffer } from 'node:buffer'
import { ByteWriter, configError, MillraceError, messageOf, nearest } from '@millrace/kernel'
import { badBytes, badValue } from './bad-value.ts'
import { JsonDecoder } from './json-decoder.ts'
import { JsonEncoder } from './json-encoder.ts'
import { jsonErrorPosition } from './json-error-position.ts'
import { type JsonSchema, jsonValidator, type Validator } from './json-schema.ts'
import type { Serde } from './serde.ts'

export interface JsonOptions {
  /** Checked on every read and write. Default: nothing is checked, `T` is believed. */
  readonly schema?: JsonSchema | undefined
  /**
   * Freezes what is read, deeply, so that a step that changes a value in place throws instead of being lost silently.
   * For
   * development: costs about as much as the parse. Default false.
   */
  readonly freeze?: boolean | undefined
}

/**
 * JSON text in UTF-8, equal to `JSON.parse` and `JSON.stringify` for every input. Values are read-only by contract.
 *
 * @throws CONFIG on an unknown option or a schema that ajv refuses.
 */
export function json<T>(options: JsonOptions = {}): Serde<T> {
  for (const name of Object.keys(options)) {
    if (name === 'schema' || name === 'freeze') continue
    const near = nearest(name, ['schema', 'freeze'])
    throw configError(
      `json ${name}`,
      'is not an option',
      name,
      near === undefined ? undefined : `Did you mean ${near}?`,
    )
  }
  const validate: Validator<T> = options.schema === undefined ? believe : jsonValidator<T>(options.schema)
  const freeze = options.freeze === true
  const decoder = new JsonDecoder()
  const encoder = new JsonEncoder()
  return Object.freeze({
    name: 'json',
    validates: options.schema !== undefined,
    read(bytes: Buffer, from: number, to: number): T {
      const value = decoded(decoder, bytes, from, to)
      validate(value)
      return freeze ? deepFreeze(value) : value
    },
    write(value: T, into: ByteWriter) {
      validate(value)
      encode(encoder, value, into)
    },
    fromText(text: string): T {
      const bytes = Buffer.from(text)
      const value = decoded(decoder, bytes, 0, bytes.length)
      validate(value)
      return value
    },
    toText(value: T): string {
      const text = new ByteWriter()
      encode(encoder, value, text)
      return text.take().toString()
    },
  })
}

/** Without a schema the declared type is believed, as it is with JSON.parse. */
function believe<T>(_: unknown): asserts _ is T {}

function decoded(decoder: JsonDecoder, bytes: Buffer, from: number, to: number): unknown {
  try {
    return decoder.decode(bytes, from, to)
  } catch (cause) {
    throw notJson(bytes, from, to, cause)
  }
}

function encode(encoder: JsonEncoder, value: unknown, into: ByteWriter): void {
  const start = into.position
  let written = false
  try {
    written = encoder.encode(value, into)
  } catch (cause) {
    into.position = start
    throw new MillraceError('BAD_RECORD', `cannot be written as JSON: ${messageOf(cause)}`, {
      place: 'json',
      fix: 'Give it what JSON can hold: no bigint, no cycle.',
      cause,
    })
  }
  if (!written) throw badValue('json', 'a value that JSON can hold', value)
}

function notJson(bytes: Buffer, from: number, to: number, cause: unknown): MillraceError {
  const text = bytes.utf8Slice(from, to)
  const at = jsonErrorPosition(text)
  const near = JSON.stringify(text.slice(Math.max(0, at - 20), at + 20))
  const met = at < text.length ? `met ${JSON.stringify(text.charAt(at))} in ${near}` : `ends too early, after ${near}`
  const problem = text.length === 0 ? 'is not JSON: is empty' : `is not JSON: ${met}`
  return badBytes('json', problem, from + Buffer.byteLength(text.slice(0, at)), cause)
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
