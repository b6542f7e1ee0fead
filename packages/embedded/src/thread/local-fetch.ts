import { Buffer } from 'node:buffer'
import { type Disk, errorTable, type KafkaErrorCode, offset, type Ports, TopicPartitionMap } from '@millrace/kernel'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import { Pace } from '../pace.ts'
import type { SentAborted, SentTail } from './messages.ts'
import { PartitionReader } from './partition-reader.ts'
import { SharedTail, type TailSnapshot } from './shared-tail.ts'

type FetchRequest = RequestOf<'fetch'>
type Topic = FetchRequest['topics'][number]
type Asked = Topic['partitions'][number]
type TopicAnswer = ResponseOf<'fetch'>['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

/** What only the engine knows; undefined where it has no such partition. */
export interface EngineQuestions {
  tail(topic: string, partition: number): Promise<SentTail | undefined>
  aborted(topic: string, partition: number, from: number, to: number): Promise<SentAborted | undefined>
}

interface Known {
  readonly topicId: string
  readonly leaderEpoch: number
  readonly tail: SharedTail
  readonly reader: PartitionReader
}

/** Committed records were read where a transaction was aborted: which, the engine says. */
interface Unfiltered {
  readonly topic: string
  readonly known: Known
  readonly answer: PartitionAnswer
  readonly swaps: number
  readonly from: number
  readonly to: number
}

interface Pass {
  readonly responses: readonly TopicAnswer[]
  readonly unfiltered: readonly Unfiltered[]
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
  readonly #questions: EngineQuestions
  readonly #known = new TopicPartitionMap<Known>()
  readonly #sleepers = new Set<() => void>()
  readonly #pace: Pace

  constructor(ports: Pick<Ports, 'disk' | 'clock'>, questions: EngineQuestions) {
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#questions = questions
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
        return this.#answerOf(pass)
      }
      for (const { topic, partitions } of asked.topics) {
        for (const { partition } of partitions) this.#known.get(topic, partition)?.tail.wait()
      }
      pass = this.#read(asked) // what moved before the wish to be told was noted
      if (pass === undefined) return undefined
      if (pass.failed || pass.bytes >= asked.minBytes) return this.#answerOf(pass)
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
    const sent = await this.#questions.tail(topic, partition)
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
    const committed = request.isolationLevel === 1
    const responses: TopicAnswer[] = []
    const unfiltered: Unfiltered[] = []
    for (const { topic, topicId, partitions } of request.topics) {
      const answers: PartitionAnswer[] = []
      for (const asked of partitions) {
        const known = this.#known.get(topic, asked.partition)
        if (known === undefined) return undefined
        const tail = known.tail.read()
        const room = { bytes: request.maxBytes - bytes, first: bytes === 0 }
        const answer = this.#readPartition(topic, asked, known, tail, committed, room)
        if (answer === undefined) return undefined
        answers.push(answer)
        if (answer.errorCode !== 0) failed = true
        const size = answer.records?.length ?? 0
        bytes += size
        const from = asked.fetchOffset
        if (!committed || size === 0 || from >= tail.abortedEnd) continue
        unfiltered.push({ topic, known, answer, swaps: tail.swaps, from, to: known.reader.next ?? tail.lastStable })
      }
      responses.push({ topic, topicId, partitions: answers })
    }
    return { responses, unfiltered, bytes, failed }
  }

  #readPartition(
    topic: string,
    asked: Asked,
    known: Known,
    tail: TailSnapshot,
    committed: boolean,
    room: { readonly bytes: number; readonly first: boolean },
  ): PartitionAnswer | undefined {
    if (tail.gone) {
      this.#drop(topic, asked.partition, known)
      return undefined
    }
    if (asked.fetchOffset < tail.logStart || asked.fetchOffset > tail.highWatermark) {
      return partitionAnswer(asked.partition, tail, noBytes, 'OFFSET_OUT_OF_RANGE')
    }
    if (!room.first && room.bytes <= 0) return partitionAnswer(asked.partition, tail, noBytes)
    if (tail.swaps % 2 === 1) return undefined
    try {
      const upTo = committed ? tail.lastStable : tail.highWatermark
      const bytesMax = Math.min(asked.partitionMaxBytes, room.bytes)
      const records = known.reader.read(tail, offset(asked.fetchOffset), upTo, bytesMax)
      // Files may have been replaced between two reads of them.
      if (known.tail.swaps !== tail.swaps) return undefined
      const fits = room.first || records.length <= room.bytes
      return partitionAnswer(asked.partition, tail, fits ? records : noBytes)
    } catch {
      // Deleted under our hands, or damaged: the engine knows which, and says so.
      this.#drop(topic, asked.partition, known)
      return undefined
    }
  }

  /** undefined when segments were deleted or replaced under what was read: the engine says what there is now. */
  async #answerOf({ responses, unfiltered }: Pass): Promise<ResponseOf<'fetch'> | undefined> {
    const plain = { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
    if (unfiltered.length === 0) return plain
    const aborted = new Map<PartitionAnswer, SentAborted>()
    await Promise.all(
      unfiltered.map(async ({ topic, known, answer, swaps, from, to }) => {
        const sent = await this.#questions.aborted(topic, answer.partitionIndex, from, to)
        const now = known.tail.read()
        if (sent !== undefined && !now.gone && sent.logStart <= from && now.swaps === swaps) aborted.set(answer, sent)
      }),
    )
    if (aborted.size < unfiltered.length) return undefined
    const filtered = responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((answer) => {
        const abortedTransactions = aborted.get(answer)?.transactions
        return abortedTransactions === undefined ? answer : { ...answer, abortedTransactions }
      }),
    }))
    return { ...plain, responses: filtered }
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
