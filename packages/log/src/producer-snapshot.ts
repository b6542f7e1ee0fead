import { Buffer } from 'node:buffer'
import { MillraceError, readInt64, writeInt64 } from '@millrace/kernel'
import { crc32c } from '@millrace/record/internal'

/** What a snapshot keeps of a producer: of its batches only the last one, as in Kafka. */
export interface SnapshotEntry {
  readonly producerId: number
  readonly epoch: number
  /** -1: none, or a batch of the coordinator, which has none. */
  readonly lastSequence: number
  /** Of the last data batch; -1: none in this epoch. */
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestampMs: number
  readonly coordinatorEpoch: number
  /** First offset of the open transaction; -1: none. */
  readonly transactionFirst: number
}

/**
 * A `.snapshot` file (ProducerStateManager): `version int16 = 1 | crc uint32 (CRC-32C of what follows) | count int32 |
 * entries`, an entry being `producerId int64 | epoch int16 | lastSequence int32 | lastOffset int64 | offsetDelta int32
 * | timestamp int64 | coordinatorEpoch int32 | transactionFirst int64`.
 */
const snapshot = { currentVersion: 1, version: 0, crc: 2, count: 6, entries: 10, entryBytes: 46 } as const
const field = {
  producerId: 0,
  epoch: 8,
  lastSequence: 10,
  lastOffset: 14,
  offsetDelta: 22,
  timestamp: 26,
  coordinatorEpoch: 34,
  transactionFirst: 38,
} as const

export function encodeSnapshot(entries: Iterable<SnapshotEntry>, count: number): Buffer {
  const bytes = Buffer.alloc(snapshot.entries + count * snapshot.entryBytes)
  bytes.writeInt16BE(snapshot.currentVersion, snapshot.version)
  bytes.writeInt32BE(count, snapshot.count)
  let at: number = snapshot.entries
  for (const entry of entries) {
    writeInt64(bytes, at + field.producerId, entry.producerId)
    bytes.writeInt16BE(entry.epoch, at + field.epoch)
    bytes.writeInt32BE(entry.lastSequence, at + field.lastSequence)
    writeInt64(bytes, at + field.lastOffset, entry.lastOffset)
    bytes.writeInt32BE(entry.offsetDelta, at + field.offsetDelta)
    writeInt64(bytes, at + field.timestamp, entry.timestampMs)
    bytes.writeInt32BE(entry.coordinatorEpoch, at + field.coordinatorEpoch)
    writeInt64(bytes, at + field.transactionFirst, entry.transactionFirst)
    at += snapshot.entryBytes
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(snapshot.count)), snapshot.crc)
  return bytes
}

/** @throws CORRUPT_FILE */
export function decodeSnapshot(bytes: Buffer, place: string): SnapshotEntry[] {
  const problem = snapshotProblem(bytes)
  if (problem !== undefined) throw new MillraceError('CORRUPT_FILE', problem, { place })
  const entries: SnapshotEntry[] = []
  for (let at: number = snapshot.entries; at < bytes.length; at += snapshot.entryBytes) {
    entries.push({
      producerId: readInt64(bytes, at + field.producerId),
      epoch: bytes.readInt16BE(at + field.epoch),
      lastSequence: bytes.readInt32BE(at + field.lastSequence),
      lastOffset: readInt64(bytes, at + field.lastOffset),
      offsetDelta: bytes.readInt32BE(at + field.offsetDelta),
      timestampMs: readInt64(bytes, at + field.timestamp),
      coordinatorEpoch: bytes.readInt32BE(at + field.coordinatorEpoch),
      transactionFirst: readInt64(bytes, at + field.transactionFirst),
    })
  }
  return entries
}

function snapshotProblem(bytes: Buffer): string | undefined {
  if (bytes.length < snapshot.entries) return `${bytes.length} bytes are too few for a producer snapshot`
  const version = bytes.readInt16BE(snapshot.version)
  if (version !== snapshot.currentVersion) return `version ${version} of a producer snapshot is unknown`
  const stored = bytes.readUInt32BE(snapshot.crc)
  const computed = crc32c(bytes.subarray(snapshot.count))
  if (stored !== computed) return `CRC-32C stored ${stored}, computed ${computed}`
  const count = bytes.readInt32BE(snapshot.count)
  if (bytes.length !== snapshot.entries + count * snapshot.entryBytes) return `${count} entries do not fit the file`
  return undefined
}
