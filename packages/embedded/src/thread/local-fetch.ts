import { Buffer } from 'node:buffer'
import { type Disk, errorTable, type KafkaErrorCode, offset, type Ports, TopicPartitionMap } from '@millrace/kernel'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import { Pace } from '../pace.ts'
import type { SentTail } from './messages.ts'
import { PartitionReader } from './partition-reader.ts'
import { SharedTail, type TailSnapshot } from './shared-tail.ts'

type FetchRequest = RequestOf<'fetch'>
type Topic = FetchRequest['topics'][number]
type Asked = Topic['partitions'][number]
type TopicAnswer = ResponseOf<'fetch'>['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]
type AskTail = (topic: string, partition: number) => Promise<SentTail | undefined>

interface Known {
  readonly topicId: string
  readonly leaderEpoch: number
  readonly tail: SharedTail
  readonly reader: PartitionReader
}

interface Pass {
  readonly responses: readonly TopicAnswer[]
  readonly bytes: number
  readonly failed: boolean
}

const noBytes = Buffer.alloc(0)
const none = { epoch: -1, endOffset: -1 }
const noLeader = { leaderId: -1, leaderEpoch: -1 }

/** Answers fetches from the segment files. What it cannot answer is left to the engine, which finds the right error. */
export class LocalFetch {
  readonly #disk: Disk
  readonly #clock: Ports['clock']
  readonly #askTail: AskTail
  readonly #known = new TopicPartitionMap<Known>()
  readonly #sleepers = new Set<() => void>()
  readonly #pace: Pace

  constructor(ports: Pick<Ports, 'disk' | 'clock'>, askTail: AskTail) {
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#askTail = askTail
    this.#pace = new Pace(ports.clock)
  }

  /** The engine says that something waited for has moved. */
  moved(): void {
    for (const wake of [...this.#sleepers]) wake()
  }

  /** undefined: ask the engine. */
  async answer(
    request: unknown,
    closed: AbortSignal,
    signal: AbortSignal | undefined,
  ): Promise<ResponseOf<'fetch'> | undefined> {
    const asked = request as FetchRequest // the caller has looked at the API's name
    if (asked.sessionId !== 0 || !(await this.#learn(asked))) return undefined
    await this.#pace.turnIfDue()
    const deadline = this.#clock.monotonicMs() + asked.maxWaitMs
    for (;;) {
      let pass = this.#read(asked)
      if (pass === undefined) return undefined
      const leftMs = deadline - this.#clock.monotonicMs()
      if (pass.failed || pass.bytes >= asked.minBytes || leftMs <= 0 || closed.aborted || signal?.aborted === true) {
        return answerOf(pass)
      }
      for (const { topic, partitions } of asked.topics) {
        for (const { partition } of partitions) this.#known.get(topic, partition)?.tail.wait()
      }
      pass = this.#read(asked) // what moved before the wish to be told was noted
      if (pass === undefined) return undefined
      if (pass.failed || pass.bytes >= asked.minBytes) return answerOf(pass)
      await this.#sleep(leftMs, closed, signal)
    }
  }

  close(): void {
    for (const { reader } of this.#known.values()) reader.close()
    this.#known.clear()
    this.moved()
  }

  /** Whether every partition of the request can be read here. */
  async #learn({ topics }: FetchRequest): Promise<boolean> {
    for (const { topic, topicId, partitions } of topics) {
      for (const { partition, currentLeaderEpoch } of partitions) {
        const known = this.#known.get(topic, partition) ?? (await this.#open(topic, partition))
        if (known === undefined) return false
        if (topicId !== zeroUuid && topicId !== known.topicId) return false
        if (currentLeaderEpoch >= 0 && currentLeaderEpoch !== known.leaderEpoch) return false
      }
    }
    return true
  }

  async #open(topic: string, partition: number): Promise<Known | undefined> {
    const sent = await this.#askTail(topic, partition)
    if (sent === undefined) return undefined
    const { topicId, leaderEpoch } = sent
    const reader = new PartitionReader(this.#disk, sent.directory)
    const known = { topicId, leaderEpoch, tail: new SharedTail(sent.memory), reader }
    this.#known.set(topic, partition, known)
    return known
  }

  #read(request: FetchRequest): Pass | undefined {
    let bytes = 0
    let failed = false
    const responses: TopicAnswer[] = []
    for (const { topic, topicId, partitions } of request.topics) {
      const answers: PartitionAnswer[] = []
      for (const asked of partitions) {
        const answer = this.#readPartition(topic, asked, request, bytes)
        if (answer === undefined) return undefined
        bytes += answer.records?.length ?? 0
        if (answer.errorCode !== 0) failed = true
        answers.push(answer)
      }
      responses.push({ topic, topicId, partitions: answers })
    }
    return { responses, bytes, failed }
  }

  #readPartition(topic: string, asked: Asked, of: FetchRequest, bytesSoFar: number): PartitionAnswer | undefined {
    const room = of.maxBytes - bytesSoFar
    const first = bytesSoFar === 0
    const known = this.#known.get(topic, asked.partition)
    if (known === undefined) return undefined
    const tail = known.tail.read()
    if (tail.gone) {
      this.#drop(topic, asked.partition, known)
      return undefined
    }
    // Where a transaction is open, and which were aborted, is for the engine to say.
    const plain = tail.lastStable === tail.highWatermark && asked.fetchOffset >= tail.abortedEnd
    if (of.isolationLevel === 1 && !plain) return undefined
    if (asked.fetchOffset < tail.logStart || asked.fetchOffset > tail.highWatermark) {
      return partitionAnswer(asked.partition, tail, noBytes, 'OFFSET_OUT_OF_RANGE')
    }
    if (!first && room <= 0) return partitionAnswer(asked.partition, tail, noBytes)
    try {
      const records = known.reader.read(tail, offset(asked.fetchOffset), Math.min(asked.partitionMaxBytes, room))
      const fits = first || records.length <= room
      return partitionAnswer(asked.partition, tail, fits ? records : noBytes)
    } catch {
      // Deleted under our hands, or damaged: the engine knows which, and says so.
      this.#drop(topic, asked.partition, known)
      return undefined
    }
  }

  #drop(topic: string, partition: number, known: Known): void {
    known.reader.close()
    this.#known.delete(topic, partition)
  }

  #sleep(timeoutMs: number, closed: AbortSignal, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(wake)
        timer.cancel()
        closed.removeEventListener('abort', wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = this.#clock.after(timeoutMs, wake)
      this.#sleepers.add(wake)
      closed.addEventListener('abort', wake)
      signal?.addEventListener('abort', wake)
    })
  }
}

function answerOf({ responses }: Pass): ResponseOf<'fetch'> {
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
}

function partitionAnswer(
  partitionIndex: number,
  tail: TailSnapshot,
  records: Buffer,
  error: KafkaErrorCode = 'NONE',
): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: errorTable[error].wire,
    highWatermark: tail.highWatermark,
    lastStableOffset: tail.lastStable,
    logStartOffset: tail.logStart,
    divergingEpoch: none,
    currentLeader: noLeader,
    snapshotId: none,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records,
  }
}
