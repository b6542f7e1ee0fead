import { Buffer } from 'node:buffer'
import { BatchBuilder } from './batch-builder.ts'
import { BatchCursor } from './batch-cursor.ts'
import { isControl, recordCount } from './batch-header.ts'
import { bytesOut } from './byte-slice.ts'
import { malformedRecord } from './corrupt-batch.ts'
import type { ValidBatch } from './valid-batch.ts'

/** How a transaction ended. */
export interface TransactionMarker {
  readonly type: 'abort' | 'commit'
  readonly coordinatorEpoch: number
}

/**
 * A control batch holds one record (clients/…/record/ControlRecordType.java, EndTransactionMarker.java):
 *
 *   key    version int16 = 0 | type int16 (0 abort, 1 commit, 2.. KRaft's own)
 *   value  version int16 = 0 | coordinatorEpoch int32
 */
const controlField = { version: 0, type: 2, keyBytes: 4, coordinatorEpoch: 2, valueBytes: 6 } as const
const controlTypes = ['abort', 'commit'] as const

/**
 * undefined for a type that ends no transaction, and where a cleaner has taken the record: readers must skip it.
 *
 * @throws CORRUPT_MESSAGE when it is malformed.
 */
export function readControl(batch: ValidBatch): TransactionMarker | undefined {
  if (!isControl(batch)) throw malformedRecord(batch, 'It is not a control batch.')
  if (recordCount(batch) === 0) return undefined
  const cursor = new BatchCursor().open(batch)
  if (!cursor.next()) throw malformedRecord(batch, 'A control batch without a record.')
  const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
  if (keyFrom < 0 || keyTo - keyFrom < controlField.keyBytes) {
    throw malformedRecord(batch, 'The key of its control record is too short.')
  }
  const type = controlTypes[bytes.readInt16BE(keyFrom + controlField.type)]
  if (type === undefined) return undefined
  if (valueFrom < 0 || valueTo - valueFrom < controlField.valueBytes) {
    throw malformedRecord(batch, 'The value of its control record is too short.')
  }
  return { type, coordinatorEpoch: bytes.readInt32BE(valueFrom + controlField.coordinatorEpoch) }
}

/** The batch that ends a transaction in a partition. */
export function buildMarker(
  marker: TransactionMarker,
  from: { readonly timestampMs: number; readonly producerId: number; readonly producerEpoch: number },
): ValidBatch {
  const key = Buffer.alloc(controlField.keyBytes)
  key.writeInt16BE(controlTypes.indexOf(marker.type), controlField.type)
  const value = Buffer.alloc(controlField.valueBytes)
  value.writeInt32BE(marker.coordinatorEpoch, controlField.coordinatorEpoch)
  const builder = new BatchBuilder({ capacityBytes: 128 })
  builder.append(from.timestampMs, key, bytesOut, value, bytesOut, null)
  return builder.build({
    producerId: from.producerId,
    producerEpoch: from.producerEpoch,
    transactional: true,
    control: true,
  })
}
