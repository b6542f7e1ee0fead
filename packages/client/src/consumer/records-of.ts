import type { Buffer } from 'node:buffer'
import type { Offset } from '@millrace/kernel'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import type { ConsumedRecord, PolledBatch, RecordDecoders, ValueDecoder } from '../records.ts'

/**
 * The records of what `poll` returned, in order. Keys, values and headers are decoded when they are first looked at:
 * a record that is passed over costs next to nothing. Without a decoder keys and values are windows on the batch: copy what shall outlive it.
 *
 * Records of a batch below the position are left out.
 *
 * @example
 * const batches = await consumer.poll()
 * for (const { key, value } of recordsOf(batches, { key: string(), value: json<Order>() })) handle(key, value)
 *
 * @throws CORRUPT_MESSAGE for a batch whose records do not decompress or are malformed. What a decoder throws comes out of
 * the record's field.
 */
export function* recordsOf<K = Buffer, V = Buffer>(
  polled: PolledBatch | readonly PolledBatch[],
  decoders: RecordDecoders<K, V> = {},
): Generator<ConsumedRecord<K, V>, void, undefined> {
  const cursor = new BatchCursor()
  const key = decoderOf(decoders.key)
  const value = decoderOf(decoders.value)
  for (const batch of isList(polled) ? polled : [polled]) {
    cursor.open(batch.batch)
    while (cursor.next()) {
      if (cursor.offset >= batch.from) yield new LazyRecord(batch, cursor, key, value)
    }
  }
}

function isList(polled: PolledBatch | readonly PolledBatch[]): polled is readonly PolledBatch[] {
  return Array.isArray(polled)
}

type Read<T> = (bytes: Buffer, from: number, to: number) => T

function decoderOf<T>(decoder: ValueDecoder<T> | undefined): Read<T> {
  if (decoder === undefined) return (bytes, from, to) => bytes.subarray(from, to) as T // T is Buffer without one
  if (typeof decoder === 'function') return (bytes, from, to) => decoder(bytes.subarray(from, to))
  return (bytes, from, to) => decoder.read(bytes, from, to)
}

/** Where a record lies, and what has been decoded of it. */
class LazyRecord<K, V> implements ConsumedRecord<K, V> {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  readonly timestampMs: number
  readonly leaderEpoch: number
  readonly #bytes: Buffer
  readonly #keyFrom: number
  readonly #keyTo: number
  readonly #valueFrom: number
  readonly #valueTo: number
  readonly #headersFrom: number
  readonly #headersTo: number
  readonly #readKey: Read<K>
  readonly #readValue: Read<V>
  #key: { readonly of: K | null } | undefined
  #value: { readonly of: V | null } | undefined
  #headers: ConsumedRecord<K, V>['headers'] | undefined

  constructor(batch: PolledBatch, cursor: BatchCursor, readKey: Read<K>, readValue: Read<V>) {
    this.topic = batch.topic
    this.partition = batch.partition
    this.leaderEpoch = batch.leaderEpoch
    this.offset = cursor.offset
    this.timestampMs = cursor.timestampMs
    this.#bytes = cursor.bytes
    this.#keyFrom = cursor.keyFrom
    this.#keyTo = cursor.keyTo
    this.#valueFrom = cursor.valueFrom
    this.#valueTo = cursor.valueTo
    this.#headersFrom = cursor.headersFrom
    this.#headersTo = cursor.headersTo
    this.#readKey = readKey
    this.#readValue = readValue
  }

  get key(): K | null {
    this.#key ??= { of: this.#keyFrom < 0 ? null : this.#readKey(this.#bytes, this.#keyFrom, this.#keyTo) }
    return this.#key.of
  }

  get value(): V | null {
    this.#value ??= { of: this.#valueFrom < 0 ? null : this.#readValue(this.#bytes, this.#valueFrom, this.#valueTo) }
    return this.#value.of
  }

  get headers(): ConsumedRecord<K, V>['headers'] {
    this.#headers ??= decodeHeaders(this.#bytes, this.#headersFrom, this.#headersTo)
    return this.#headers
  }
}
