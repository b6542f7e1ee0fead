import type { KafkaErrorCode } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Engine, Handler } from '../engine.ts'
import { noteFailedRead } from '../failed-reads.ts'
import { checkLeaderEpoch } from '../leader-epochs.ts'
import { namedOnce } from '../named-once.ts'
import { partitionOf } from '../partition-of.ts'
import { Turns } from '../turns.ts'
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

type TopicAsked = RequestOf<'listOffsets'>['topics'][number]
type TopicAnswer = ResponseOf<'listOffsets'>['topics'][number]

/** Offsets by time or place. Under read_committed nothing past the last stable offset is told. */
export const answerListOffsets: Handler<'listOffsets'> = async (engine, { apiVersion }, request) => {
  const turns = new Turns(engine.ports.clock)
  const topics: TopicAnswer[] = []
  const committed = request.isolationLevel === 1
  for (const asked of request.topics) topics.push(await answerTopic(engine, asked, { apiVersion, committed, turns }))
  return { throttleTimeMs: 0, topics }
}

/** A time is looked up in files: thousands of them are not for one turn. */
async function answerTopic(
  { directory, ports }: Engine,
  { name, partitions }: TopicAsked,
  { apiVersion, committed, turns }: { readonly apiVersion: number; readonly committed: boolean; readonly turns: Turns },
): Promise<TopicAnswer> {
  const { once, twice } = namedOnce(partitions, ({ partitionIndex }) => String(partitionIndex))
  const answers: PartitionAnswer[] = []
  for (const asked of once) {
    const pause = turns.due()
    if (pause !== undefined) await pause
    const refused = refuse(asked, apiVersion)
    if (refused !== undefined) answers.push(unknown(asked.partitionIndex, wire(refused)))
    else answers.push(answerPartition(ports, partitionOf(directory, name, asked.partitionIndex), asked, committed))
  }
  for (const asked of twice) {
    answers.push(unknown(asked.partitionIndex, wire(refuse(asked, apiVersion) ?? 'INVALID_REQUEST')))
  }
  return { name, partitions: answers }
}

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
