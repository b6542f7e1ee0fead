import { type KafkaErrorCode, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { zeroUuid } from '@millrace/protocol/internal'

/** A partition as the next fetch wants it. */
export interface WantedPartition extends TopicPartition {
  readonly topicId: string
  readonly leaderEpoch: number
  readonly fetchOffset: number
}

/** What the next request says of its session, and which partitions it has to name. */
export interface SessionTurn {
  readonly sessionId: number
  /** 0: a new session, all partitions named. -1: none at all. */
  readonly sessionEpoch: number
  readonly named: readonly WantedPartition[]
  readonly forgotten: readonly WantedPartition[]
}

/** A fetch outside any session. */
export function withoutSession(wanted: readonly WantedPartition[]): SessionTurn {
  return { sessionId: 0, sessionEpoch: -1, named: wanted, forgotten: [] }
}

/**
 * The client's side of a fetch session with one broker (KIP-227): the broker remembers the partitions, so that a request names only those
 * that are new, have moved or are wanted no longer, and an answer only those with news.
 *
 *   none ──full (epoch 0)──▶ open ──1, 2, 3 …──▶ open
 *     ▲                        │ id not found: the broker has dropped it
 *     └────────────────────────┤ wrong epoch, connection lost: closed by the next full fetch, which names the old id
 *                              ┘ answered with id 0: the broker keeps none for us
 *
 * Requests of a session must not overlap: one at a time, each answered or lost before the next turn.
 */
export class FetchSession {
  #id = 0
  #epoch = 0
  #known = new TopicPartitionMap<WantedPartition>()

  next(wanted: readonly WantedPartition[]): SessionTurn {
    const before = this.#known
    this.#known = new TopicPartitionMap()
    for (const at of wanted) this.#known.set(at.topic, at.partition, at)
    const epoch = this.#epoch
    if (epoch === 0) return { sessionId: this.#id, sessionEpoch: 0, named: wanted, forgotten: [] }
    const named: WantedPartition[] = []
    const forgotten: WantedPartition[] = []
    for (const at of wanted) if (!isAlike(at, before.get(at.topic, at.partition))) named.push(at)
    for (const [{ topic, partition }, at] of before) {
      const now = this.#known.get(topic, partition)
      // A topic that was made anew is another one to the broker, though it has the same name.
      if (now === undefined || (now.topicId !== at.topicId && at.topicId !== zeroUuid)) forgotten.push(at)
    }
    return { sessionId: this.#id, sessionEpoch: epoch, named, forgotten }
  }

  /** The last request was answered without an error of its own; `sessionId` is the answer's. */
  answered(sessionId: number): void {
    this.#id = sessionId
    this.#epoch = sessionId === 0 ? 0 : this.#epoch === 0x7fff_ffff ? 1 : this.#epoch + 1
  }

  /** The last request was refused as a whole, or has no answer. The next one names everything. */
  failed(code: KafkaErrorCode | undefined): void {
    this.#epoch = 0
    if (code === 'FETCH_SESSION_ID_NOT_FOUND' || code === 'FETCH_SESSION_TOPIC_ID_ERROR') this.#id = 0
  }
}

function isAlike(a: WantedPartition, b: WantedPartition | undefined): boolean {
  return (
    b !== undefined && a.fetchOffset === b.fetchOffset && a.leaderEpoch === b.leaderEpoch && a.topicId === b.topicId
  )
}
