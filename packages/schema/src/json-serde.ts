import type { Buffer } from 'node:buffer'
import { type ByteWriter, configError, MillraceError, nearest } from '@millrace/kernel'
import { badBytes, badValue } from './bad-value.ts'
import { type JsonSchema, jsonValidator } from './json-schema.ts'
import type { Serde } from './serde.ts'

export interface JsonOptions {
  /** Checked on every read and write. Default: nothing is checked, `T` is believed. */
  readonly schema?: JsonSchema | undefined
  /**
   * Freezes what is read, deeply, so that a step that changes a value in place throws instead of being lost silently. For
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
  const validate = options.schema === undefined ? undefined : jsonValidator<T>(options.schema)
  const freeze = options.freeze === true
  return Object.freeze({
    name: 'json',
    read(bytes: Buffer, from: number, to: number): T {
      const text = bytes.utf8Slice(from, to)
      let value: T
      try {
        value = JSON.parse(text)
      } catch (cause) {
        throw badBytes('json', 'is not JSON', from, cause)
      }
      validate?.(value)
      return freeze ? deepFreeze(value) : value
    },
    write(value: T, into: ByteWriter) {
      validate?.(value)
      const text = stringified(value)
      if (text === undefined) throw badValue('json', 'a value that JSON can hold', value)
      into.utf8(text)
    },
    fromText: (text: string): T => parsedText<T>(text),
    toText: (value: T) => stringified(value) ?? 'null',
  })
}

function stringified(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new MillraceError('BAD_RECORD', 'cannot be written as JSON', { place: 'json', cause })
  }
}

function parsedText<T>(text: string): T {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MillraceError('BAD_RECORD', 'is not JSON', { place: 'json key', value: text, cause })
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
