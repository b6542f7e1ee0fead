import { kafkaError, type MillraceError } from '@millrace/kernel'
import {
  BatchCursor,
  baseSequence,
  type CheckedRecords,
  checkRecords,
  isControl,
  isTransactional,
  producerId,
  recordCount,
  timestampTypeOf,
  type ValidBatch,
} from '@millrace/record/internal'
import type { LogConfig } from './log-config.ts'
import type { AppendOptions } from './partition-log.ts'

/**
 * What the log asks of one batch of a client before it gets an offset (storage/…/log/LogValidator.java,
 * UnifiedLog.analyzeAndValidateRecords).
 *
 * @throws MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD, INVALID_TIMESTAMP, CORRUPT_MESSAGE
 */
export function checkAppend(
  batch: ValidBatch,
  config: LogConfig,
  nowMs: number,
  place: string,
  origin: AppendOptions['origin'],
): CheckedRecords {
  if (batch.length > config.maxMessageBytes) {
    const detail = `The batch has ${batch.length} bytes, max.message.bytes is ${config.maxMessageBytes}.`
    throw kafkaError('MESSAGE_TOO_LARGE', place, detail)
  }
  if (batch.length > config.segmentBytes) {
    const detail = `The batch has ${batch.length} bytes, segment.bytes is ${config.segmentBytes}.`
    throw kafkaError('RECORD_LIST_TOO_LARGE', place, detail)
  }
  if (recordCount(batch) === 0) throw kafkaError('INVALID_RECORD', place, 'The batch has no record.')
  if (isControl(batch)) throw kafkaError('INVALID_RECORD', place, 'Only a coordinator writes control batches.')
  if (isTransactional(batch) && producerId(batch) < 0) {
    throw kafkaError('INVALID_RECORD', place, 'A transactional batch has no producer.')
  }
  if (producerId(batch) >= 0 && baseSequence(batch) < 0 && origin !== 'coordinator') {
    throw kafkaError('INVALID_RECORD', place, `Producer ${producerId(batch)} sent no sequence.`)
  }
  if (timestampTypeOf(batch) === 'LogAppendTime') {
    throw kafkaError('INVALID_TIMESTAMP', place, 'A producer does not set LogAppendTime.')
  }
  const checked = checkRecords(batch, { keysRequired: config.compacted })
  if (config.timestampType === 'CreateTime') checkTimestamps(batch, config, nowMs, checked.maxTimestampMs, place)
  return checked
}

/** A record without a time (-1) is let through, as in Kafka. */
function checkTimestamps(batch: ValidBatch, config: LogConfig, nowMs: number, maxMs: number, place: string): void {
  if (maxMs - nowMs > config.timestampAfterMaxMs) {
    throw outside(
      place,
      maxMs,
      `lies more than message.timestamp.after.max.ms=${config.timestampAfterMaxMs} after`,
      nowMs,
    )
  }
  const oldestMs = nowMs - config.timestampBeforeMaxMs
  if (oldestMs < 0) return // nothing is that old
  const cursor = new BatchCursor().open(batch)
  while (cursor.next()) {
    if (cursor.timestampMs >= oldestMs || cursor.timestampMs === -1) continue
    const rule = `lies more than message.timestamp.before.max.ms=${config.timestampBeforeMaxMs} before`
    throw outside(place, cursor.timestampMs, rule, nowMs)
  }
}

function outside(place: string, timestampMs: number, rule: string, nowMs: number): MillraceError {
  return kafkaError('INVALID_TIMESTAMP', place, `The timestamp ${timestampMs} ${rule} the server's ${nowMs}.`)
}
