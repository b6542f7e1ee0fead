import type { Buffer } from 'node:buffer'
import type { BatchCursor } from '@millrace/client/internal'
import { loadedClient } from '../client-module.ts'
import type { IHeaders, RecordBatchEntry } from '../message.ts'

/** The text of the time that was last asked for: neighbours mostly have the same. */
let lastTimestampMs = -1
let lastTimestamp = '-1'

/** The record a cursor stands on, as kafkajs gives it. Key and value are windows on the batch, not copies. */
export function decodedMessage(cursor: BatchCursor): RecordBatchEntry {
  const { bytes, timestampMs } = cursor
  if (timestampMs !== lastTimestampMs) {
    lastTimestampMs = timestampMs
    lastTimestamp = String(timestampMs)
  }
  return {
    attributes: 0,
    timestamp: lastTimestamp,
    offset: String(cursor.offset),
    key: cursor.keyFrom < 0 ? null : bytes.subarray(cursor.keyFrom, cursor.keyTo),
    value: cursor.valueFrom < 0 ? null : bytes.subarray(cursor.valueFrom, cursor.valueTo),
    headers: cursor.headerCount === 0 ? {} : headersOf(bytes, cursor.headersFrom, cursor.headersTo),
  }
}

/** By name; a name that comes more than once has an array. */
function headersOf(bytes: Buffer, from: number, to: number): IHeaders {
  const headers: Record<string, Buffer | Buffer[]> = {}
  for (const { key, value } of loadedClient().decodeHeaders(bytes, from, to)) {
    // kafkajs gives null for a header without a value, though its types say otherwise.
    const given = value as Buffer
    const known = headers[key]
    if (known === undefined) headers[key] = given
    else if (Array.isArray(known)) known.push(given)
    else headers[key] = [known, given]
  }
  return headers
}
