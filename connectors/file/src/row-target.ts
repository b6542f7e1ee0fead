import { Buffer } from 'node:buffer'
import type { Converter, SourceContext, SourceTopic, SourceWriter } from '@millrace/connect-api'
import { type ByteWritable, ByteWriter, MillraceError } from '@millrace/kernel'
import type { FileSourceConfig } from './file-source-config.ts'
import { type KeyRule, keyRuleOf } from './record-key.ts'
import { type TimestampReader, timestampReader } from './timestamp-text.ts'

/** Where the rows of a file go, and what of a row becomes key and timestamp. Made once a task. */
export interface RowTarget {
  readonly out: SourceWriter
  readonly topic: SourceTopic
  readonly key: KeyRule | undefined
  readonly keyOut: ByteWritable<unknown>
  readonly timestampField: string | undefined
  readonly readTimestamp: TimestampReader
  /** For rows without a timestamp field. */
  timestamp(): number
  /** Writes JSON text as the value converter wants it. */
  jsonValueOut<T>(json: ByteWritable<T>): ByteWritable<T>
}

export async function openRowTarget(context: SourceContext<FileSourceConfig>, out: SourceWriter): Promise<RowTarget> {
  const { config, clock, keyConverter, valueConverter } = context
  const { timestamp } = config
  return {
    out,
    topic: await out.open(config.topic),
    key: keyRuleOf(config['key.field'], config['key.template']),
    keyOut: writableOf(keyConverter),
    timestampField: config['timestamp.field'],
    readTimestamp: timestampReader(config['timestamp.format']),
    timestamp: timestamp === undefined ? () => clock.nowMs() : () => timestamp,
    jsonValueOut: (json) => (valueConverter.form === 'json' ? json : new ConvertedJson(json, valueConverter)),
  }
}

/** A converter as the producer wants it. */
export function writableOf(converter: Converter): ByteWritable<unknown> {
  return { write: (value, into) => converter.write(null, value, into) }
}

/**
 * JSON for a converter that wants values: written aside, parsed, converted. The slow road, for `schemas.enable`
 * and the like.
 */
class ConvertedJson<T> implements ByteWritable<T> {
  readonly #json: ByteWritable<T>
  readonly #converter: Converter
  readonly #aside = new ByteWriter()

  constructor(json: ByteWritable<T>, converter: Converter) {
    this.#json = json
    this.#converter = converter
  }

  write(value: T, into: ByteWriter): void {
    this.#json.write(value, this.#aside.reset())
    const text = this.#aside.view()
    const { form } = this.#converter
    if (form === 'string' || form === 'bytes') into.raw(text)
    else this.#converter.write(null, JSON.parse(text.toString()), into)
  }
}

/** A row whose field cannot be used. */
export function badField(place: string, field: string, problem: string, value: unknown): MillraceError {
  const shown = typeof value === 'bigint' ? String(value) : value
  return new MillraceError('BAD_RECORD', `field ${field} ${problem}`, { place, value: shown })
}

/** @throws BAD_RECORD when the timestamp field does not hold a time from 1970 on. */
export function timestampOf(target: RowTarget, field: string, value: unknown, place: string): number {
  const timestamp = target.readTimestamp(value)
  if (timestamp === undefined) throw badField(place, field, 'is not a time in the given format', value)
  if (timestamp < 0) throw badField(place, field, 'lies before 1970', value)
  return timestamp
}

/** What is rejected, as an error. */
export function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

export const emptyBytes = Buffer.alloc(0)
