import { Buffer } from 'node:buffer'
import { type ByteWritable, readInt64 } from '@millrace/kernel'
import {
  BatchBuilder,
  BatchCursor,
  type BatchIdentity,
  batchField,
  type CodecName,
  codecOf,
  crc32c,
  encodeHeaders,
  isControl,
  openBatch,
  openBatches,
} from '@millrace/record/internal'

export const bytesOut: ByteWritable<Uint8Array> = { write: (value, out) => void out.raw(value) }

export interface BuiltRecord {
  readonly key?: string | null
  readonly value?: string | null
  readonly timestampMs: number
  readonly headers?: readonly (readonly [string, string])[]
}

/** A batch as a producer would send it. */
export function batchOf(
  records: readonly BuiltRecord[],
  identity: BatchIdentity & { readonly codec?: CodecName } = {},
): Buffer {
  const { codec = 'none', ...rest } = identity
  const builder = new BatchBuilder({ codec })
  for (const { key = null, value = null, timestampMs, headers = [] } of records) {
    const encoded = encodeHeaders(headers.map(([name, text]) => ({ key: name, value: Buffer.from(text) })))
    const keyBytes = key === null ? null : Buffer.from(key)
    const valueBytes = value === null ? null : Buffer.from(value)
    builder.append(timestampMs, keyBytes, bytesOut, valueBytes, bytesOut, encoded)
  }
  return Buffer.from(builder.build(rest))
}

/** The batch with a change in it, and a checksum that fits again. */
export function altered(batch: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(batch)
  change(copy)
  copy.writeUInt32BE(crc32c(copy.subarray(batchField.attributes)), batchField.crc)
  return copy
}

/** What a fetch brought, batch by batch, for people: `tail` are the bytes of a batch that was cut off. */
export function describeRecords(bytes: Buffer): unknown[] {
  const described: unknown[] = []
  let at = 0
  while (bytes.length - at >= 12) {
    const end = at + 12 + bytes.readInt32BE(at + batchField.length)
    if (end > bytes.length) break
    described.push(describeBatch(bytes.subarray(at, end)))
    at = end
  }
  if (at < bytes.length) described.push({ tail: true })
  return described
}

export interface KeyAndValue {
  readonly key: string | null
  readonly value: string | null
}

/** Of every whole batch that holds records of users. */
export function keysAndValues(bytes: Buffer): KeyAndValue[] {
  const cursor = new BatchCursor()
  const text = (from: number, to: number): string | null => (from < 0 ? null : cursor.bytes.toString('utf8', from, to))
  const found: KeyAndValue[] = []
  for (const batch of openBatches(bytes, { source: 'fetch', position: 0 })) {
    cursor.open(batch)
    while (!isControl(batch) && cursor.next()) {
      found.push({ key: text(cursor.keyFrom, cursor.keyTo), value: text(cursor.valueFrom, cursor.valueTo) })
    }
  }
  return found
}

/** Reads the header by its positions, not through our accessors: they are under test as well. */
function describeBatch(bytes: Buffer): object {
  const flags = bytes.readInt16BE(21)
  const base = readInt64(bytes, 0)
  const identity = {
    producerId: readInt64(bytes, 43),
    epoch: bytes.readInt16BE(51),
    sequence: bytes.readInt32BE(53),
  }
  const batch = openBatch(bytes, 0, bytes.length, { source: 'fetch', position: 0 })
  return {
    offsets: [base, base + bytes.readInt32BE(23)],
    leaderEpoch: bytes.readInt32BE(12),
    ...((flags & 7) === 0 ? {} : { codec: codecOf(batch) }),
    ...((flags & 8) === 0 ? {} : { appendTime: true }),
    ...((flags & 16) === 0 ? {} : { transactional: true }),
    ...((flags & 32) === 0 ? {} : { control: true }),
    ...((flags & 64) === 0 ? {} : { deleteHorizon: true }),
    ...(identity.producerId < 0 ? {} : identity),
    maxTimestampMs: readInt64(bytes, 35),
    records: describeEach(batch, (flags & 32) !== 0),
  }
}

function describeEach(batch: ReturnType<typeof openBatch>, control: boolean): unknown[] {
  const cursor = new BatchCursor().open(batch)
  const records: unknown[] = []
  const text = (from: number, to: number): string | null =>
    from < 0 ? null : cursor.bytes.toString(control ? 'hex' : 'utf8', from, to)
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: text(cursor.keyFrom, cursor.keyTo),
      value: text(cursor.valueFrom, cursor.valueTo),
      ...(cursor.headerCount === 0 ? {} : { headers: cursor.headerCount }),
    })
  }
  return records
}
