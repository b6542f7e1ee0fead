import type { Buffer } from 'node:buffer'
import { codeOf, errorTable, type KafkaErrorCode, kafkaError } from '@millrace/kernel'
import { type LogConfig, logConfig, type PartitionLog } from '@millrace/log/internal'
import type { ResponseOf } from '@millrace/protocol/internal'
import {
  attribute,
  BatchCursor,
  batchField,
  batchHeaderBytes,
  crc32c,
  openBatch,
  type ValidBatch,
} from '@millrace/record/internal'
import type { Engine } from '../engine.ts'
import { kafkaCodeOf, wire, wireError } from '../wire-error.ts'

type Answer = ResponseOf<'produce'>['responses'][number]['partitionResponses'][number]
type Refused = Pick<Answer, 'errorCode' | 'errorMessage' | 'logStartOffset' | 'recordErrors'>

/** Kafka answers these without the log start: it has not come to the partition, or cannot use it. */
const withoutLogStart: ReadonlySet<KafkaErrorCode> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'CORRUPT_MESSAGE',
  'KAFKA_STORAGE_ERROR',
  'UNSUPPORTED_COMPRESSION_TYPE',
  // From the transaction coordinator, who is asked first.
  'INVALID_PRODUCER_ID_MAPPING',
  'TRANSACTION_ABORTABLE',
  'NOT_ENOUGH_REPLICAS',
])

/** Most records of a batch that are named as faulty. */
const namedMax = 1000

/**
 * The one batch that a produce request has for a partition. Magic, checksum and header are the record package's to
 * check; that it is one and whole is asked here (ProduceRequest.validateRecords).
 *
 * @throws INVALID_RECORD, CORRUPT_MESSAGE
 */
export function oneBatch(records: Buffer, source: string): ValidBatch {
  const size = records.length < batchHeaderBytes ? -1 : records.readInt32BE(batchField.length) + batchField.leaderEpoch
  if (size !== records.length) {
    throw kafkaError('INVALID_RECORD', source, 'A partition gets one whole batch; this is not one.')
  }
  return openBatch(records, 0, records.length, { source, position: 0 })
}

/** Why a batch was refused, and which of its records are to blame, for the answer. */
export function refusedBatch(engine: Engine, log: PartitionLog, records: Buffer, error: unknown): Refused {
  const code = blameOf(records, error)
  const said = wireError(error)
  const config = logConfig(engine.directory.topic(log.at.topic)?.configs ?? new Map(), engine.directory.topicDefaults)
  return {
    errorCode: wire(code),
    errorMessage: said.errorMessage,
    logStartOffset: isBeforeTheLog(records, code) ? -1 : log.logStart,
    recordErrors: faultyRecords(records, code, config, engine.ports.clock.nowMs()),
  }
}

/**
 * A batch that is malformed under a checksum that holds was made so by its producer: it is told not to try again, which
 * CORRUPT_MESSAGE would have it do.
 */
function blameOf(records: Buffer, error: unknown): KafkaErrorCode {
  const code = kafkaCodeOf(error)
  return code === 'CORRUPT_MESSAGE' && codeOf(error) === code && checksumHolds(records) ? 'INVALID_RECORD' : code
}

function checksumHolds(records: Buffer): boolean {
  if (records.length < batchHeaderBytes || records.readInt8(batchField.magic) !== 2) return false
  return records.readUInt32BE(batchField.crc) === crc32c(records.subarray(batchField.attributes))
}

/** A transactional batch of an old epoch is told so by the coordinator, any other by the log. */
function isBeforeTheLog(records: Buffer, code: KafkaErrorCode): boolean {
  if (withoutLogStart.has(code) || isShapeless(records)) return true
  const flags = records.readInt16BE(batchField.attributes)
  return code === 'INVALID_PRODUCER_EPOCH' && (flags & attribute.transactional) !== 0
}

function isShapeless(records: Buffer): boolean {
  return (
    records.length < batchHeaderBytes ||
    records.readInt32BE(batchField.length) + batchField.leaderEpoch !== records.length
  )
}

/** The records that break the rule of `code`, as their place in the batch. */
function faultyRecords(
  records: Buffer,
  code: KafkaErrorCode,
  config: LogConfig,
  nowMs: number,
): Answer['recordErrors'] {
  const faults: { batchIndex: number; batchIndexErrorMessage: string }[] = []
  const why = code === 'INVALID_RECORD' && config.compacted ? 'The record has no key.' : errorTable[code].text
  if (code !== 'INVALID_TIMESTAMP' && !(code === 'INVALID_RECORD' && config.compacted)) return faults
  try {
    const cursor = new BatchCursor().open(openBatch(records, 0, records.length, { source: 'produce', position: 0 }))
    for (let i = 0; faults.length < namedMax && cursor.next(); i++) {
      const time = cursor.timestampMs
      const untimely =
        time !== -1 && (time - nowMs > config.timestampAfterMaxMs || nowMs - time > config.timestampBeforeMaxMs)
      if (code === 'INVALID_TIMESTAMP' ? untimely : cursor.keyFrom < 0) {
        faults.push({ batchIndex: i, batchIndexErrorMessage: why })
      }
    }
  } catch {
    return [] // malformed: the batch as a whole is to blame
  }
  return faults
}
