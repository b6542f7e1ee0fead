import { type KafkaErrorCode, KiB, type Metrics, MiB, type Random } from '@millrace/kernel'
import type { RequestContext, RequestOf } from '@millrace/protocol/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import { FetchSession, type TopicAnswer, type TopicAsked } from './fetch-session.ts'

type FetchRequest = RequestOf<'fetch'>
type Reader = Pick<RequestContext, 'principal' | 'apiVersion'>

/** What a session may take on the average, with the usual number of them: of 200 partitions. */
const slotBytes = 100 * KiB
/** What all may take, however few. */
const bytesLeast = 64 * MiB

/** A session that was used or made within this time is not taken from its reader for another one. As Kafka's. */
const restMs = 120_000

export interface FetchNews {
  /** Another request has used the session while this one waited. */
  readonly refused: KafkaErrorCode | undefined
  /** 0: none. */
  readonly sessionId: number
  readonly topics: readonly TopicAnswer[]
}

/** One fetch as its session sees it. */
export interface FetchTurn {
  /** Refused as a whole. */
  readonly refused: KafkaErrorCode | undefined
  /** The partitions to read. */
  readonly topics: readonly TopicAsked[]
  /** What to answer, once it was read. */
  told(topics: readonly TopicAnswer[]): FetchNews
}

/**
 * The fetch sessions of a broker (KIP-227), at most `max.incremental.fetch.session.cache.slots`. When they are used up a new reader takes
 * the place of the one that has been silent longest, if for two minutes, else of the one with fewest partitions that has had its
 * place for two minutes, if it has fewer than the new one; else it gets none and names its partitions each time.
 */
export class FetchSessions {
  readonly #clock: BrokerPorts['clock']
  readonly #random: Random
  readonly #slots: number
  readonly #sessions = new Map<number, FetchSession>()
  readonly #bytesMax: number
  #bytes = 0
  readonly #evicted: { add(): void }
  readonly #open: { set(value: number): void }

  constructor(ports: Pick<BrokerPorts, 'clock' | 'random'> & { readonly metrics: Metrics }, slots: number) {
    this.#clock = ports.clock
    this.#random = ports.random
    this.#slots = slots
    this.#bytesMax = Math.max(slots * slotBytes, bytesLeast)
    const { metrics } = ports
    this.#open = metrics.gauge('millrace_broker_fetch_sessions', 'Fetch sessions that are open.')
    this.#evicted = metrics.counter(
      'millrace_broker_fetch_sessions_evicted_total',
      'Sessions that made room for others.',
    )
  }

  get size(): number {
    return this.#sessions.size
  }

  /** What a request is about, before it is answered. */
  turn(request: FetchRequest, { principal, apiVersion }: Reader): FetchTurn {
    const byId = apiVersion >= 13
    if (request.sessionEpoch <= 0) return this.#fullTurn(request, principal, byId)
    const session = this.#sessions.get(request.sessionId)
    if (session === undefined || session.principal !== principal) return refusal('FETCH_SESSION_ID_NOT_FOUND')
    if (session.epoch !== request.sessionEpoch) return refusal('INVALID_FETCH_SESSION_EPOCH')
    if (session.byId !== byId) return refusal('FETCH_SESSION_TOPIC_ID_ERROR')
    this.#bytes -= session.bytes
    session.update(request.topics, request.forgottenTopicsData)
    this.#bytes += session.bytes
    if (this.#bytes > this.#bytesMax) {
      this.#remove(session.id)
      this.#evicted.add()
      return refusal('FETCH_SESSION_ID_NOT_FOUND')
    }
    if (session.size === 0) {
      this.#remove(session.id)
      return { refused: undefined, topics: [], told: sessionless }
    }
    session.usedMs = this.#clock.monotonicMs()
    const epoch = session.epoch === 0x7fff_ffff ? 1 : session.epoch + 1
    session.epoch = epoch
    const told = (topics: readonly TopicAnswer[]): FetchNews => {
      const sessionId = session.id
      const overtaken = session.epoch !== epoch || this.#sessions.get(sessionId) !== session
      if (overtaken) return { refused: 'INVALID_FETCH_SESSION_EPOCH', sessionId, topics: [] }
      return { refused: undefined, sessionId, topics: session.news(topics) }
    }
    return { refused: undefined, topics: session.asked(), told }
  }

  /** Names everything: ends the session it names, and with epoch 0 begins another. */
  #fullTurn(request: FetchRequest, principal: string, byId: boolean): FetchTurn {
    if (request.sessionId !== 0) this.#remove(request.sessionId, principal)
    const told = (topics: readonly TopicAnswer[]): FetchNews => {
      const session = request.sessionEpoch === 0 ? this.#begin(request, principal, byId) : undefined
      session?.news(topics, true)
      return { refused: undefined, sessionId: session?.id ?? 0, topics }
    }
    return { refused: undefined, topics: request.topics, told }
  }

  #begin(request: FetchRequest, principal: string, byId: boolean): FetchSession | undefined {
    const nowMs = this.#clock.monotonicMs()
    const size = request.topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
    if (this.#sessions.size >= this.#slots && !this.#makeRoom(size, nowMs)) return undefined
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = 1 + Math.floor(this.#random.next() * 0x7fff_fffe)
    const session = new FetchSession(id, principal, byId, nowMs)
    session.update(request.topics, [])
    while (this.#bytes + session.bytes > this.#bytesMax) if (!this.#makeRoom(size, nowMs)) return undefined
    this.#sessions.set(id, session)
    this.#bytes += session.bytes
    this.#open.set(this.#sessions.size)
    return session
  }

  #makeRoom(size: number, nowMs: number): boolean {
    let silent: FetchSession | undefined
    let small: FetchSession | undefined
    for (const session of this.#sessions.values()) {
      if (session.usedMs <= (silent?.usedMs ?? nowMs - restMs - 1)) silent = session
      if (session.size < (small?.size ?? size) && session.createdMs < nowMs - restMs) small = session
    }
    const out = silent ?? small
    if (out === undefined) return false
    this.#remove(out.id)
    this.#evicted.add()
    return true
  }

  #remove(id: number, principal?: string): void {
    if (principal !== undefined && this.#sessions.get(id)?.principal !== principal) return
    this.#bytes -= this.#sessions.get(id)?.bytes ?? 0
    this.#sessions.delete(id)
    this.#open.set(this.#sessions.size)
  }
}

function sessionless(topics: readonly TopicAnswer[]): FetchNews {
  return { refused: undefined, sessionId: 0, topics }
}

function refusal(refused: KafkaErrorCode): FetchTurn {
  return { refused, topics: [], told: sessionless }
}
