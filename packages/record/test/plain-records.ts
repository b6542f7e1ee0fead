import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import type { CodecName, ValidBatch } from '../src/internal.ts'
import { BatchBuilder, BatchCursor, bytesOut, decodeHeaders, encodeHeaders } from '../src/internal.ts'
import type { PlainRecord } from './slow-batch.ts'

export type RecordToWrite = Omit<PlainRecord, 'offset'>

const hex = fc
  .oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.uint8Array({ minLength: 60, maxLength: 70 }),
    fc.uint8Array({ maxLength: 9000 }),
  )
  .map((bytes) => Buffer.from(bytes).toString('hex'))

/** Records around the sizes where a length takes one byte more, with every absence the format knows. */
export const recordsToWrite = fc.array(
  fc.record<RecordToWrite>({
    timestampMs: fc.oneof(
      fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_200 }),
      fc.integer({ min: -1, max: 8_640_000_000_000_000 }),
    ),
    key: fc.option(hex, { nil: null }),
    value: fc.option(hex, { nil: null }),
    headers: fc.array(
      fc.record({
        key: fc.string({ maxLength: 8, unit: 'grapheme' }).map((text) => Buffer.from(text).toString('hex')),
        value: fc.option(hex, { nil: null }),
      }),
      { maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 40 },
)

export function fromHex(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'hex')
}

export function encodedHeaders(record: RecordToWrite): Buffer | null {
  if (record.headers.length === 0) return null
  return encodeHeaders(
    record.headers.map(({ key, value }) => ({ key: Buffer.from(key, 'hex').toString(), value: fromHex(value) })),
  )
}

export function buildBatch(records: readonly RecordToWrite[], codec: CodecName = 'none'): ValidBatch {
  const builder = new BatchBuilder({ codec, capacityBytes: 64 })
  for (const record of records) {
    builder.append(
      record.timestampMs,
      fromHex(record.key),
      bytesOut,
      fromHex(record.value),
      bytesOut,
      encodedHeaders(record),
    )
  }
  return builder.build()
}

/** What a cursor finds, as plain values. */
export function walk(batch: ValidBatch): PlainRecord[] {
  const records: PlainRecord[] = []
  const cursor = new BatchCursor().open(batch)
  while (cursor.next()) {
    const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: keyFrom < 0 ? null : bytes.toString('hex', keyFrom, keyTo),
      value: valueFrom < 0 ? null : bytes.toString('hex', valueFrom, valueTo),
      headers: decodeHeaders(bytes, cursor.headersFrom, cursor.headersTo).map((header) => ({
        key: Buffer.from(header.key).toString('hex'),
        value: header.value?.toString('hex') ?? null,
      })),
    })
  }
  return records
}
