import { Buffer } from 'node:buffer'
import { type KafkaErrorCode, type Offset, offset } from '@millrace/kernel'
import type { LogRead, PartitionLog } from '@millrace/log/internal'
import {
  type AnswerMemory,
  type RequestContext,
  type RequestOf,
  type ResponseOf,
  zeroUuid,
} from '@millrace/protocol/internal'
import type { BrokerPorts } from './broker-ports.ts'
import type { Engine } from './engine.ts'
import { noteFailedRead } from './failed-reads.ts'
import { checkLeaderEpoch, epochEnd } from './leader-epochs.ts'
import { partitionOf } from './partition-of.ts'
import { endFor, type Isolation, type NextPiece, type ReadAhead } from './read-ahead/read-ahead.ts'
import { kafkaCodeOf, wire } from './wire-error.ts'

export type TopicAnswer = ResponseOf<'fetch'>['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]
type TopicAsked = RequestOf<'fetch'>['topics'][number]
type PartitionAsked = TopicAsked['partitions'][number]

interface PlannedPartition {
  readonly asked: PartitionAsked
  readonly log: PartitionLog | undefined
  readonly refused: KafkaErrorCode | undefined
}

interface PlannedTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly PlannedPartition[]
}

/** What one pass over the partitions found. */
export interface FetchPass {
  readonly topics: readonly TopicAnswer[]
  readonly bytes: number
  /** An error ends the wait: the client has to act on it. */
  readonly failed: boolean
}

const noBytes = Buffer.alloc(0)
const noEpoch = { epoch: -1, endOffset: -1 }
const noLeader = { leaderId: -1, leaderEpoch: -1 }
const noSnapshot = { endOffset: -1, epoch: -1 }

/** The partitions of one fetch, looked up once and read as often as the long poll wakes. */
export class FetchPlan {
  readonly #engine: Engine
  readonly #asked: readonly TopicAsked[]
  #topics: readonly PlannedTopic[]
  readonly #isolation: Isolation
  readonly #bytesMax: number
  readonly #ports: BrokerPorts
  readonly #memory: AnswerMemory | undefined
  readonly #ahead: ReadAhead | undefined
  /** Where this pass ended before the end of a partition. */
  #following: NextPiece[] = []
  readonly #take: ((bytes: number) => Buffer) | undefined

  /** @param context its memory is for the batches of one pass: the next one uses it again */
  constructor(engine: Engine, request: RequestOf<'fetch'>, context: RequestContext) {
    const { memory } = context
    this.#engine = engine
    this.#asked = request.topics
    this.#ports = engine.ports
    this.#memory = memory
    this.#ahead = engine.readAheads.of(context)
    this.#ahead?.begin()
    this.#take = memory === undefined ? undefined : (bytes) => memory.take(bytes)
    this.#isolation = request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    this.#bytesMax = Math.min(request.maxBytes, engine.settings['fetch.max.bytes'])
    this.#topics = request.topics.map((topic) => planTopic(engine, topic))
  }

  /** Reads once: at most the bytes asked for, yet one batch where there is any. What an earlier pass found is void. */
  read(): FetchPass {
    this.#memory?.reuse()
    this.#following = []
    let bytes = 0
    let failed = false
    const topics: TopicAnswer[] = []
    for (const { topic, topicId, partitions } of this.#topics) {
      const answers: PartitionAnswer[] = []
      for (const planned of partitions) {
        const answer = this.#readPartition(planned, bytes)
        bytes += answer.records?.length ?? 0
        if (answer.errorCode !== 0 || answer.divergingEpoch.endOffset >= 0) failed = true
        answers.push(answer)
      }
      topics.push({ topic, topicId, partitions: answers })
    }
    return { topics, bytes, failed }
  }

  /** As `read`, after a wait: what was deleted meanwhile is not there any more, be it that its name is used again. */
  readAgain(): FetchPass {
    const { directory } = this.#engine
    const isThere = ({ log }: PlannedPartition) =>
      log === undefined || directory.partition(log.at.topic, log.at.partition) === log
    if (!this.#topics.every(({ partitions }) => partitions.every(isThere))) {
      this.#topics = this.#asked.map((topic) => planTopic(this.#engine, topic))
    }
    return this.read()
  }

  /** What was read is void: while nothing is read, others have the memory. */
  letGo(): void {
    this.#memory?.reuse()
  }

  /** The answer will be what the last pass found: once it is sent, what follows is read for the next one. */
  readAhead(): void {
    if (this.#memory !== undefined) this.#ahead?.plan(this.#following, this.#memory)
  }

  /** Calls back once, when any partition has grown for this reader or is gone, until `cancel`. */
  whenGrown(callback: () => void): { cancel(): void } {
    const waits: { cancel(): void }[] = []
    const cancel = () => {
      for (const wait of waits) wait.cancel()
      waits.length = 0
    }
    for (const { partitions } of this.#topics) {
      for (const { log } of partitions) {
        if (log === undefined) continue
        const isCommitted = this.#isolation === 'read_committed'
        waits.push(
          isCommitted ? log.whenStablePast(log.lastStable, callback) : log.whenPast(log.highWatermark, callback),
        )
      }
    }
    return { cancel }
  }

  #readPartition({ asked, log, refused }: PlannedPartition, bytesSoFar: number): PartitionAnswer {
    if (log === undefined || refused !== undefined) {
      return refusedPartition(asked.partition, refused ?? 'UNKNOWN_TOPIC_OR_PARTITION', log)
    }
    const diverging = divergence(log, asked)
    if (diverging === 'unknown') return refusedPartition(asked.partition, 'OFFSET_OUT_OF_RANGE', log)
    if (diverging !== undefined) return { ...emptyPartition(asked.partition, log), divergingEpoch: diverging }
    const room = Math.min(asked.partitionMaxBytes, this.#bytesMax - bytesSoFar)
    try {
      // With the answer full nothing is read; a position that is none of ours is told all the same.
      const here = asked.fetchOffset >= log.logStart && asked.fetchOffset <= log.highWatermark
      if (room <= 0 && bytesSoFar > 0 && here) return emptyPartition(asked.partition, log)
      const read = this.#readLog(log, offset(asked.fetchOffset), Math.max(room, 0))
      const fits = bytesSoFar === 0 || read.bytes.length <= room
      if (fits) this.#noteFollowing(log, read, Math.min(asked.partitionMaxBytes, this.#bytesMax))
      return answerPartition(asked.partition, read, fits ? read.bytes : noBytes, this.#isolation)
    } catch (error) {
      const code = kafkaCodeOf(error)
      if (code === 'KAFKA_STORAGE_ERROR') noteFailedRead(this.#ports, log, error)
      return refusedPartition(asked.partition, code, log)
    }
  }

  #readLog(log: PartitionLog, from: Offset, bytesMax: number): LogRead {
    const isolation = this.#isolation
    const memory = this.#memory
    const ready = memory === undefined ? undefined : this.#ahead?.take({ log, from, bytesMax, isolation }, memory)
    return ready ?? log.read(from, bytesMax, isolation, this.#take)
  }

  #noteFollowing(log: PartitionLog, read: LogRead, bytesMax: number): void {
    if (this.#ahead === undefined || read.bytes.length === 0) return
    const isolation = this.#isolation
    if (read.next < endFor(isolation, read)) this.#following.push({ log, from: read.next, bytesMax, isolation })
  }
}

function planTopic({ topicNames, directory }: Engine, { topic, topicId, partitions }: TopicAsked): PlannedTopic {
  const found = topicNames.resolve(topicId, topic)
  const unknown = topicId === zeroUuid ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'UNKNOWN_TOPIC_ID'
  return {
    topic,
    topicId,
    partitions: partitions.map((asked) => {
      if (found === undefined) return { asked, log: undefined, refused: unknown }
      const log = partitionOf(directory, found.name, asked.partition)
      if (typeof log === 'string') return { asked, log: undefined, refused: log }
      return { asked, log, refused: refusePosition(log, asked) }
    }),
  }
}

function refusePosition(log: PartitionLog, asked: PartitionAsked): KafkaErrorCode | undefined {
  if (asked.fetchOffset < 0) return 'OFFSET_OUT_OF_RANGE'
  return checkLeaderEpoch(log, Math.max(-1, asked.currentLeaderEpoch))
}

/** Where the reader's history parts from ours: it read an epoch that ends before its position. KIP-595. */
function divergence(
  log: PartitionLog,
  asked: PartitionAsked,
): { epoch: number; endOffset: number } | 'unknown' | undefined {
  if (asked.lastFetchedEpoch < 0) return undefined
  const end = epochEnd(log, asked.lastFetchedEpoch)
  if (end.endOffset < 0) return 'unknown'
  if (end.epoch === asked.lastFetchedEpoch && end.endOffset >= asked.fetchOffset) return undefined
  return { epoch: end.epoch, endOffset: end.endOffset }
}

function answerPartition(
  partitionIndex: number,
  read: LogRead,
  records: Buffer,
  isolation: Isolation,
): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: 0,
    highWatermark: read.highWatermark,
    lastStableOffset: read.lastStable,
    logStartOffset: read.logStart,
    divergingEpoch: noEpoch,
    currentLeader: noLeader,
    snapshotId: noSnapshot,
    abortedTransactions: isolation === 'read_committed' ? read.aborted : null,
    preferredReadReplica: -1,
    records,
  }
}

function emptyPartition(partitionIndex: number, log: PartitionLog | undefined): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: 0,
    highWatermark: log?.highWatermark ?? -1,
    lastStableOffset: log?.lastStable ?? -1,
    logStartOffset: log?.logStart ?? -1,
    divergingEpoch: noEpoch,
    currentLeader: noLeader,
    snapshotId: noSnapshot,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records: noBytes,
  }
}

function refusedPartition(
  partitionIndex: number,
  code: KafkaErrorCode,
  log: PartitionLog | undefined,
): PartitionAnswer {
  const nothing = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 }
  const abortedTransactions = log === undefined ? [] : null
  return { ...emptyPartition(partitionIndex, log), ...nothing, abortedTransactions, errorCode: wire(code) }
}
