import { kafkaError } from '@millrace/kernel'
import { BatchCursor } from './batch-cursor.ts'
import {
  baseOffset,
  hasDeleteHorizon,
  lastOffsetDelta,
  maxTimestamp,
  recordCount,
  timestampTypeOf,
} from './batch-header.ts'
import { malformedRecord } from './corrupt-batch.ts'
import { walkHeaders } from './headers.ts'
import type { ValidBatch } from './valid-batch.ts'

export interface RecordChecks {
  /** Compacted topics need a key in each record. @default false */
  readonly keysRequired?: boolean | undefined
  /** A compressed batch that holds more is refused. @default 128 MiB */
  readonly decompressedBytesMax?: number | undefined
}

/** What the pass has learned. */
export interface CheckedRecords {
  /** Largest timestamp found; -1 in a batch without records. */
  readonly maxTimestampMs: number
  /** The first record that has it. */
  readonly maxTimestampOffset: number
  /** Of keys, values and headers, decompressed. */
  readonly bytes: number
}

/**
 * All that Kafka's broker checks inside a batch on produce (storage/…/log/LogValidator.java), in one pass: offsets
 * 0..n-1, sizes that add up, headers, keys where the topic is compacted, the header's max timestamp.
 *
 * @throws CORRUPT_MESSAGE for records that do not add up, INVALID_RECORD for those Kafka would refuse.
 */
export function checkRecords(batch: ValidBatch, checks: RecordChecks = {}): CheckedRecords {
  const cursor = new BatchCursor(checks.decompressedBytesMax).open(batch)
  const keysRequired = checks.keysRequired ?? false
  const base = baseOffset(batch)
  const count = recordCount(batch)
  if (count !== lastOffsetDelta(batch) + 1) {
    throw invalidRecord(batch, `${count} records stand for ${lastOffsetDelta(batch) + 1} offsets.`)
  }
  let maxMs = -1
  let maxOffset = -1
  for (let i = 0; i < count; i++) {
    if (!cursor.next()) throw malformedRecord(batch, `It holds ${i} records, its header says ${count}.`)
    if (cursor.offset !== base + i) throw invalidRecord(batch, `Record ${i} has the offset ${cursor.offset}.`)
    if (keysRequired && cursor.keyFrom < 0)
      throw invalidRecord(batch, `Record ${i} has no key, and the topic is compacted.`)
    if (cursor.headerCount > 0) walkHeaders(cursor.bytes, cursor.headersFrom, cursor.headersTo, ignore)
    if (cursor.timestampMs > maxMs) {
      maxMs = cursor.timestampMs
      maxOffset = cursor.offset
    }
  }
  cursor.next() // sees bytes left over
  if (
    timestampTypeOf(batch) === 'CreateTime' &&
    !hasDeleteHorizon(batch) &&
    count > 0 &&
    maxMs !== maxTimestamp(batch)
  ) {
    throw invalidRecord(batch, `Its newest record is of ${maxMs} ms, its header says ${maxTimestamp(batch)} ms.`)
  }
  return { maxTimestampMs: maxMs, maxTimestampOffset: maxOffset, bytes: cursor.bytes.length }
}

function ignore(): void {}

function invalidRecord(batch: ValidBatch, detail: string) {
  return kafkaError('INVALID_RECORD', `batch at offset ${baseOffset(batch)}`, detail)
}
