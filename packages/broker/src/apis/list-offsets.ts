import type { KafkaErrorCode } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Handler } from '../engine.ts'
import { noteFailedRead } from '../failed-reads.ts'
import { checkLeaderEpoch } from '../leader-epochs.ts'
import { namedOnce } from '../named-once.ts'
import { partitionOf } from '../partition-of.ts'
import { kafkaCodeOf, wire } from '../wire-error.ts'

type PartitionAsked = RequestOf<'listOffsets'>['topics'][number]['partitions'][number]
type PartitionAnswer = ResponseOf<'listOffsets'>['topics'][number]['partitions'][number]

/** Timestamps that stand for a place (KIP-734, KIP-405, KIP-1005). */
const place = { latest: -1, earliest: -2, maxTimestamp: -3, earliestLocal: -4, latestTiered: -5 } as const

/** The version that first has each of them. */
const firstVersions: ReadonlyMap<number, number> = new Map([
  [place.latest, 0],
  [place.earliest, 0],
  [place.maxTimestamp, 7],
  [place.earliestLocal, 8],
  [place.latestTiered, 9],
])

/** Offsets by time or place. Under read_committed nothing past the last stable offset is told. */
export const answerListOffsets: Handler<'listOffsets'> = ({ directory, ports }, { apiVersion }, request) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ name, partitions }) => {
    const { once, twice } = namedOnce(partitions, ({ partitionIndex }) => String(partitionIndex))
    const answers = once.map((asked) => {
      const refused = refuse(asked, apiVersion)
      if (refused !== undefined) return unknown(asked.partitionIndex, wire(refused))
      const log = partitionOf(directory, name, asked.partitionIndex)
      return answerPartition(ports, log, asked, request.isolationLevel === 1)
    })
    const refused = twice.map((asked) =>
      unknown(asked.partitionIndex, wire(refuse(asked, apiVersion) ?? 'INVALID_REQUEST')),
    )
    return { name, partitions: [...answers, ...refused] }
  }),
})

function refuse({ timestamp }: PartitionAsked, version: number): KafkaErrorCode | undefined {
  const isKnown = timestamp >= 0 || version >= (firstVersions.get(timestamp) ?? Number.POSITIVE_INFINITY)
  return isKnown ? undefined : 'UNSUPPORTED_VERSION'
}

function answerPartition(
  ports: BrokerPorts,
  log: PartitionLog | KafkaErrorCode,
  asked: PartitionAsked,
  committed: boolean,
): PartitionAnswer {
  const { partitionIndex } = asked
  if (typeof log === 'string') return unknown(partitionIndex, wire(log))
  const refused = checkLeaderEpoch(log, asked.currentLeaderEpoch)
  if (refused !== undefined) return unknown(partitionIndex, wire(refused))
  try {
    const found = locate(log, asked.timestamp, committed ? log.lastStable : log.highWatermark)
    return found === undefined ? unknown(partitionIndex, 0) : { partitionIndex, errorCode: 0, ...found }
  } catch (error) {
    const code = kafkaCodeOf(error)
    if (code === 'KAFKA_STORAGE_ERROR') noteFailedRead(ports, log, error)
    return unknown(partitionIndex, wire(code))
  }
}

function locate(log: PartitionLog, timestamp: number, end: number) {
  switch (timestamp) {
    case place.latest:
      return { offset: end, timestamp: -1, leaderEpoch: log.leaderEpoch }
    case place.earliest:
    case place.earliestLocal:
      return { offset: log.logStart, timestamp: -1, leaderEpoch: log.epochAt(log.logStart) }
    case place.latestTiered:
      return undefined
    default: {
      const found = timestamp === place.maxTimestamp ? log.maxTimestamp() : log.offsetForTimestamp(timestamp)
      if (found === undefined || found.offset >= end) return undefined
      return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch }
    }
  }
}

function unknown(partitionIndex: number, errorCode: number): PartitionAnswer {
  return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 }
}
