import type { KafkaErrorCode } from '@millrace/kernel'
import type { RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { partitionOf } from '../partition-of.ts'
import { kafkaCodeOf, wire } from '../wire-error.ts'

type Marker = RequestOf<'writeTxnMarkers'>['markers'][number]

/**
 * Ends transactions of a producer by hand: what `kafka-transactions.sh abort` sends for one that hangs. Our own
 * coordinator writes its markers itself. Answered when they survive a power cut.
 */
export const answerWriteTxnMarkers: Handler<'writeTxnMarkers'> = async (engine, _context, request) => ({
  markers: await Promise.all(
    request.markers.map(async (marker) => ({
      producerId: marker.producerId,
      topics: await Promise.all(
        marker.topics.map(async ({ name, partitionIndexes }) => ({
          name,
          partitions: await Promise.all(
            partitionIndexes.map(async (partitionIndex) => ({
              partitionIndex,
              errorCode: wire(await write(engine, marker, name, partitionIndex)),
            })),
          ),
        })),
      ),
    })),
  ),
})

async function write(engine: Engine, marker: Marker, topic: string, partition: number): Promise<KafkaErrorCode> {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult: commit } = marker
  const log = partitionOf(engine.directory, topic, partition)
  if (typeof log === 'string') return log
  if (Math.abs(producerId) === Number.MAX_SAFE_INTEGER) return 'INVALID_PRODUCER_ID_MAPPING' // past 53 bits
  try {
    const transactionVersion = marker.transactionVersion >= 2 ? 2 : 1
    log.appendMarker({ producerId, producerEpoch, coordinatorEpoch, commit, transactionVersion })
    if (topic === offsetsTopic) engine.groups.offsets.endTransaction(partition, producerId, commit)
    await log.synced(log.highWatermark)
    return 'NONE'
  } catch (error) {
    return kafkaCodeOf(error)
  }
}
