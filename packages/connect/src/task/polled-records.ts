import type { Buffer } from 'node:buffer'
import type { PolledBatch } from '@millrace/client'
import type { ConnectRecord, Converter, SinkBatch, SinkPosition } from '@millrace/connect-api'
import { MillraceError, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import type { ConnectSchema } from '@millrace/schema'
import type { ErrorPolicy, ErrorStage } from './error-policy.ts'

/** Positions of a record's parts: key from, to, value from, to, headers from, to. */
const partsPerRecord = 6

/**
 * What a poll returned, decoded into columns. Where a record's raw bytes lie is kept, for dead letters and
 * headers; the arrays are made
 * for a batch, not for a record.
 */
export class PolledRecords implements SinkBatch {
  size = 0
  readonly keys: unknown[] = []
  readonly values: unknown[] = []
  readonly timestamps: number[] = []
  readonly offsets: number[] = []
  bytes = 0
  readonly ends: readonly SinkPosition[]
  readonly #polled: readonly PolledBatch[]
  readonly #errors: ErrorPolicy
  /** Per polled batch: its bytes (decompressed where they were compressed). */
  readonly #sources: Buffer[] = []
  readonly #sourceOf: number[] = []
  readonly #parts: number[] = []
  readonly #rejected = new Set<number>()
  #keySchemas: (ConnectSchema | null)[] | undefined
  #valueSchemas: (ConnectSchema | null)[] | undefined

  constructor(
    polled: readonly PolledBatch[],
    converters: { readonly key: Converter; readonly value: Converter },
    errors: ErrorPolicy,
    topicIds: ReadonlyMap<string, string>,
  ) {
    this.#polled = polled
    this.ends = endsOf(polled, topicIds)
    this.#errors = errors
    const cursor = new BatchCursor()
    for (let i = 0; i < polled.length; i++) {
      cursor.open(polled[i]!.batch)
      this.#sources.push(cursor.bytes)
      while (cursor.next()) if (cursor.offset >= polled[i]!.from) this.#take(cursor, i, converters)
    }
  }

  placeOf(i: number): TopicPartition {
    return this.#polled[this.#sourceOf[i]!]!
  }

  keySchemaOf(i: number): ConnectSchema | null {
    return this.#keySchemas?.[i] ?? null
  }

  valueSchemaOf(i: number): ConnectSchema | null {
    return this.#valueSchemas?.[i] ?? null
  }

  record(i: number): ConnectRecord {
    const { topic, partition } = this.placeOf(i)
    return {
      topic,
      partition,
      key: this.keys[i],
      keySchema: this.keySchemaOf(i),
      value: this.values[i],
      valueSchema: this.valueSchemaOf(i),
      timestamp: this.timestamps[i]!,
      headers: this.#headersOf(i),
    }
  }

  /** One record that the sink cannot take. @throws its error, with the place, when nothing is tolerated. */
  reject(i: number, error: Error): void {
    if (this.#rejected.has(i)) return // the batch is being tried again
    this.#rejected.add(i)
    this.#handle('TASK_PUT', this.#sourceOf[i]!, i * partsPerRecord, this.offsets[i]!, this.timestamps[i]!, error)
  }

  #take(cursor: BatchCursor, source: number, converters: { readonly key: Converter; readonly value: Converter }): void {
    const { bytes, keyFrom, keyTo, valueFrom, valueTo, headersFrom, headersTo } = cursor
    const at = this.#parts.length
    this.#parts.push(keyFrom, keyTo, valueFrom, valueTo, headersFrom, headersTo)
    let stage: ErrorStage = 'KEY_CONVERTER'
    try {
      const key = keyFrom < 0 ? null : this.#read(converters.key, bytes, keyFrom, keyTo, 'key')
      stage = 'VALUE_CONVERTER'
      const value = valueFrom < 0 ? null : this.#read(converters.value, bytes, valueFrom, valueTo, 'value')
      this.keys.push(key)
      this.values.push(value)
    } catch (error) {
      this.keys.length = this.size
      this.#handle(stage, source, at, cursor.offset, cursor.timestampMs, toError(error))
      this.#parts.length = at
      return
    }
    this.timestamps.push(cursor.timestampMs)
    this.offsets.push(cursor.offset)
    this.#sourceOf.push(source)
    this.bytes += (keyFrom < 0 ? 0 : keyTo - keyFrom) + (valueFrom < 0 ? 0 : valueTo - valueFrom)
    this.size++
  }

  #read(converter: Converter, bytes: Buffer, from: number, to: number, side: 'key' | 'value'): unknown {
    if (converter.readWithSchema === undefined) return converter.read(bytes, from, to)
    const { schema, value } = converter.readWithSchema(bytes, from, to)
    if (side === 'key') {
      this.#keySchemas ??= []
      this.#keySchemas[this.size] = schema
    } else {
      this.#valueSchemas ??= []
      this.#valueSchemas[this.size] = schema
    }
    return value
  }

  #headersOf(i: number) {
    const at = i * partsPerRecord
    return decodeHeaders(this.#sources[this.#sourceOf[i]!]!, this.#parts[at + 4]!, this.#parts[at + 5]!)
  }

  #handle(stage: ErrorStage, source: number, at: number, offset: number, timestampMs: number, error: Error): void {
    const { topic, partition } = this.#polled[source]!
    const bytes = this.#sources[source]!
    const part = (from: number, to: number) => (from < 0 ? null : bytes.subarray(from, to))
    const place = `${partitionName(topic, partition)}@${offset}`
    this.#errors.handle({
      stage,
      error: placed(error, place),
      topic,
      partition,
      offset,
      place: undefined,
      key: part(this.#parts[at]!, this.#parts[at + 1]!),
      value: part(this.#parts[at + 2]!, this.#parts[at + 3]!),
      timestampMs: Math.max(0, timestampMs),
      headers: decodeHeaders(bytes, this.#parts[at + 4]!, this.#parts[at + 5]!),
    })
  }
}

/** A partition may have several batches in one poll; the last one tells. */
function endsOf(polled: readonly PolledBatch[], topicIds: ReadonlyMap<string, string>): SinkPosition[] {
  const ends = new TopicPartitionMap<SinkPosition>()
  for (const { topic, partition, next } of polled) {
    ends.set(topic, partition, { topic, partition, topicId: topicIds.get(topic) ?? '', offset: next })
  }
  return [...ends.values()]
}

/** The same error, with the record's place before it. */
function placed(error: Error, place: string): MillraceError {
  return new MillraceError('BAD_RECORD', error.message, {
    place,
    ...(error.cause !== undefined && { cause: error.cause }),
  })
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
