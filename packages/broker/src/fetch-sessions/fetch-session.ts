import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'

type FetchRequest = RequestOf<'fetch'>
export type TopicAsked = FetchRequest['topics'][number]
export type TopicAnswer = ResponseOf<'fetch'>['responses'][number]
type PartitionAsked = TopicAsked['partitions'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

/** What a partition takes besides its name, roughly. */
const partitionBytes = 500

/** One partition of a session: how it was last asked for, and what the reader was last told. */
interface Remembered {
  readonly topic: string
  readonly topicId: string
  asked: PartitionAsked
  /** -1: to be told in any case. */
  highWatermark: number
  logStart: number
}

/**
 * The partitions that one reader wants, and what it has been told of them (KIP-227): its next request names only what changes, and
 * the answer only what is news. Kafka's FetchSession and CachedPartition.
 */
export class FetchSession {
  readonly id: number
  readonly createdMs: number
  usedMs: number
  /** Of the next request. */
  epoch = 1
  /** Of memory, roughly: names come from the client, and may be of topics that are none. */
  bytes = 0
  /** Who opened it; nobody else may use it. */
  readonly principal: string
  /** Topics are named by id: a request of a version that names them otherwise would not find them again. */
  readonly byId: boolean
  /** In the order they are filled: what was just answered goes to the end, so that none is starved. */
  readonly #partitions = new Map<string, Remembered>()

  constructor(id: number, principal: string, byId: boolean, nowMs: number) {
    this.id = id
    this.principal = principal
    this.byId = byId
    this.createdMs = nowMs
    this.usedMs = nowMs
  }

  get size(): number {
    return this.#partitions.size
  }

  update(named: readonly TopicAsked[], forgotten: FetchRequest['forgottenTopicsData']): void {
    for (const { topic, topicId, partitions } of forgotten) {
      for (const partition of partitions) {
        const key = keyOf(topic, topicId, partition)
        if (this.#partitions.delete(key)) this.bytes -= bytesOf(key)
      }
    }
    for (const { topic, topicId, partitions } of named) {
      for (const asked of partitions) {
        const key = keyOf(topic, topicId, asked.partition)
        const known = this.#partitions.get(key)
        if (known !== undefined) known.asked = asked
        else {
          this.#partitions.set(key, { topic, topicId, asked, highWatermark: -1, logStart: -1 })
          this.bytes += bytesOf(key)
        }
      }
    }
  }

  /** All of its partitions, as one request that names them. */
  asked(): TopicAsked[] {
    const topics: { topic: string; topicId: string; partitions: PartitionAsked[] }[] = []
    for (const { topic, topicId, asked } of this.#partitions.values()) {
      const last = topics.at(-1)
      if (last !== undefined && last.topic === topic && last.topicId === topicId) last.partitions.push(asked)
      else topics.push({ topic, topicId, partitions: [asked] })
    }
    return topics
  }

  /** What of an answer to all of it is news. @param whole the first answer of a session tells everything */
  news(topics: readonly TopicAnswer[], whole = false): TopicAnswer[] {
    const told: TopicAnswer[] = []
    for (const { topic, topicId, partitions } of topics) {
      const rows = partitions.filter((row) => this.#isNews(keyOf(topic, topicId, row.partitionIndex), row) || whole)
      if (rows.length > 0) told.push({ topic, topicId, partitions: rows })
    }
    return told
  }

  #isNews(key: string, row: PartitionAnswer): boolean {
    const known = this.#partitions.get(key)
    if (known === undefined) return true
    const moved = known.highWatermark !== row.highWatermark || known.logStart !== row.logStartOffset
    known.highWatermark = row.highWatermark
    known.logStart = row.logStartOffset
    const hasRecords = row.records !== null && row.records.length > 0
    if (hasRecords) {
      this.#partitions.delete(key)
      this.#partitions.set(key, known)
    }
    const failed = row.errorCode !== 0 || row.divergingEpoch.endOffset >= 0
    if (failed) known.highWatermark = -1 // told again once it is over
    return hasRecords || moved || failed || row.preferredReadReplica >= 0
  }
}

function bytesOf(key: string): number {
  return partitionBytes + 2 * key.length
}

/** By id where there is one: a topic made anew under a name is another. */
function keyOf(topic: string, topicId: string, partition: number): string {
  return topicId === zeroUuid ? `${topic}/${partition}` : `${topicId}/${partition}`
}
