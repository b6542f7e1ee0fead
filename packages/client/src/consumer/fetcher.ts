import type { Buffer } from 'node:buffer'
import { errorCodeOf, kafkaError, messageOf, offset, partitionName, remedyFor, type Timer } from '@millrace/kernel'
import type { Connection, ResponseOf } from '@millrace/protocol/internal'
import { leaderEpoch, nextOffset, openBatches } from '@millrace/record/internal'
import { Backoff } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Lane } from '../cluster/lane.ts'
import { AbortedFilter, type AbortedTransaction } from './aborted-filter.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import { type EpochEnd, epochEnds, type PositionCheck } from './epoch-ends.ts'
import { fetchRequest } from './fetch-request.ts'
import type { PartitionState } from './partition-state.ts'

type PartitionAnswer = ResponseOf<'fetch'>['responses'][number]['partitions'][number]

/**
 * While part of a broker's partitions is left out of a fetch (enough of them is buffered), the rest may not hold the connection for
 * long: what is left out becomes hungry as soon as somebody polls.
 */
const partialWaitMs = 10

/** Pause before a partition that answered with an error is asked again; doubles up to a second. */
const retryMs = 50

export interface FetcherEvents {
  /** Something changed that a waiting `poll` wants to see. */
  wake(): void
  /** The offset is gone. */
  outOfRange(state: PartitionState): void
  /** The log has lost records that were read: it parts from them at `end`; undefined where that is not known. */
  truncated(state: PartitionState, end: EpochEnd | undefined): void
  /** Cannot be retried: the next `poll` throws it. */
  failed(error: Error): void
}

/** A fetch that has no answer yet. */
interface InFlight {
  readonly abort: AbortController
  connection: Connection | undefined
}

/** Keeps one fetch in flight to each broker for as long as there is room, and buffers what comes, a bound over all. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #settings: ConsumerSettings
  readonly #metrics: ConsumerMetrics
  readonly #events: FetcherEvents
  readonly #lane: Lane
  readonly #busy = new Set<number>()
  readonly #inFlight = new Set<InFlight>()
  readonly #backoff: Backoff
  #states: readonly PartitionState[] = []
  /** Positions to be checked, by leader; filled and emptied within a pump. */
  readonly #due = new Map<number, PositionCheck[]>()
  #next = 0
  #refreshing = false
  #closed = false
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(cluster: Cluster, settings: ConsumerSettings, metrics: ConsumerMetrics, events: FetcherEvents) {
    this.#cluster = cluster
    this.#settings = settings
    this.#metrics = metrics
    this.#events = events
    this.#lane = cluster.lane()
    this.#backoff = new Backoff(cluster.ports.random)
  }

  /** What is assigned now. */
  assign(states: readonly PartitionState[]): void {
    this.#states = states
    this.#next = 0
    this.interrupt()
  }

  /**
   * Positions have changed: a fetch that waits at the old ones is given up, where that lets the next one through. Over
   * a socket it would not: there the next fetch comes after at most `fetchWaitMs`, as in Kafka's client.
   */
  interrupt(): void {
    for (const { connection, abort } of [...this.#inFlight]) if (connection?.abortsAtOnce === true) abort.abort()
    this.pump()
  }

  get bufferedBytes(): number {
    let total = 0
    for (const state of this.#states) total += state.bufferedBytes
    return total
  }

  /** Sends what can be sent. Cheap when nothing can. */
  pump(): void {
    if (this.#closed || this.#states.length === 0) return
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    let room = this.#settings.prefetchBytesMax - this.bufferedBytes
    if (room <= 0) return
    const each = this.#partitionBound()
    const plans = new Map<number, { hungry: PartitionState[]; all: boolean }>()
    for (let i = 0; i < this.#states.length; i++) {
      const state = this.#states[(this.#next + i) % this.#states.length]!
      if (state.paused || state.fetchFrom === undefined) continue
      const leader = this.#leaderOf(state)
      if (leader < 0 || state.checking || this.#isCheckDue(state, leader, nowMs)) continue
      if (this.#busy.has(leader)) continue
      let plan = plans.get(leader)
      if (plan === undefined) {
        plan = { hungry: [], all: true }
        plans.set(leader, plan)
      }
      if (state.fetching || state.bufferedBytes >= each || !this.#mayRetry(state, nowMs)) plan.all = false
      else plan.hungry.push(state)
    }
    this.#next = (this.#next + 1) % this.#states.length
    for (const [leader, checks] of this.#due) this.#check(leader, checks)
    this.#due.clear()
    for (const [leader, { hungry, all }] of plans) {
      if (hungry.length === 0 || room <= 0) continue
      room -= this.#fetch(leader, hungry, all, room)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#lane.close()
  }

  /** Of one partition: enough that a fetch is always a step ahead, not so much that one starves the others. */
  #partitionBound(): number {
    const share = Math.floor(this.#settings.prefetchBytesMax / (2 * this.#states.length))
    return Math.max(1, Math.min(share, 4 * this.#settings.partitionFetchBytesMax))
  }

  #isCheckDue(state: PartitionState, leader: number, nowMs: number): boolean {
    const leaderEpoch = this.#cluster.partition(state.topic, state.partition)?.leaderEpoch ?? -1
    if (!state.isCheckDue(leaderEpoch)) return false
    if (!this.#mayRetry(state, nowMs)) return true
    state.checking = true
    const checks = this.#due.get(leader)
    if (checks === undefined) this.#due.set(leader, [{ state, leaderEpoch }])
    else checks.push({ state, leaderEpoch })
    return true
  }

  /** Positions against the leader's epochs: nothing is fetched of these partitions before the answer (KIP-320). */
  #check(leader: number, checks: readonly PositionCheck[]): void {
    const versions = checks.map(({ state }) => state.version)
    const done = () => {
      for (const { state } of checks) state.checking = false
    }
    this.#cluster
      .to(leader)
      .then((connection) => epochEnds(connection, checks, this.#settings.requestTimeoutMs))
      .then(
        (ends) => {
          done()
          checks.forEach(({ state, leaderEpoch }, i) => {
            if (state.version !== versions[i]) return
            if (ends === undefined) state.checkedIn = leaderEpoch
            else this.#checked(state, leaderEpoch, ends.get(state.topic, state.partition))
          })
        },
        (error: unknown) => {
          done()
          this.#lost(
            error,
            checks.map(({ state }) => state),
          )
        },
      )
      .then(() => this.interrupt())
      .catch((error: unknown) => this.#events.failed(error instanceof Error ? error : new Error(String(error))))
  }

  #checked(state: PartitionState, leaderEpoch: number, end: EpochEnd | undefined): void {
    if (end?.error !== undefined) {
      this.#refused(state, kafkaError(end.error, partitionName(state.topic, state.partition)))
      return
    }
    state.checkedIn = leaderEpoch
    state.failures = 0
    const isKnown = end !== undefined && end.endOffset >= 0 && end.leaderEpoch >= 0
    if (isKnown && end.endOffset >= (state.fetchFrom ?? 0)) return
    this.#events.truncated(state, isKnown ? end : undefined)
    this.#events.wake()
  }

  #mayRetry(state: PartitionState, nowMs: number): boolean {
    if (state.retryAtMs <= nowMs) return true
    this.#pumpAt(state.retryAtMs, nowMs)
    return false
  }

  #pumpAt(atMs: number, nowMs: number): void {
    if (atMs >= this.#timerAtMs || this.#closed) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    const pump = () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.pump()
    }
    this.#timer = this.#cluster.ports.clock.after(Math.max(0, atMs - nowMs), pump, 'background')
  }

  /** Who leads; -1 and on the way to finding out. */
  #leaderOf(state: PartitionState): number {
    const leader = this.#cluster.partition(state.topic, state.partition)?.leader ?? -1
    if (leader < 0) this.#refreshMetadata()
    return leader
  }

  #refreshMetadata(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const again = () => {
      this.#refreshing = false
      this.pump()
    }
    const topics = new Set(this.#states.map((state) => state.topic))
    const refresh = () => this.#cluster.refresh(topics).then(again, again)
    this.#cluster.ports.clock.after(this.#backoff.next(), () => void refresh(), 'background')
  }

  /** Returns how many bytes may come. */
  #fetch(leader: number, hungry: readonly PartitionState[], all: boolean, room: number): number {
    this.#busy.add(leader)
    const versions = hungry.map((state) => state.version)
    for (const state of hungry) state.fetching = true
    const bytes = { all: Math.min(room, 0x7fff_ffff), each: this.#settings.partitionFetchBytesMax }
    const { fetchWaitMs, requestTimeoutMs } = this.#settings
    const maxWaitMs = all ? fetchWaitMs : Math.min(partialWaitMs, fetchWaitMs)
    const request = fetchRequest(hungry, bytes, maxWaitMs, this.#cluster, this.#settings)
    const inFlight: InFlight = { abort: new AbortController(), connection: undefined }
    this.#inFlight.add(inFlight)
    const { signal } = inFlight.abort
    const done = () => {
      this.#inFlight.delete(inFlight)
      this.#busy.delete(leader)
      for (const state of hungry) state.fetching = false
    }
    const { clock } = this.#cluster.ports
    const sentMs = clock.monotonicMs()
    this.#connection(leader)
      .then((connection) => {
        inFlight.connection = connection
        return connection.send('fetch', request, { timeoutMs: maxWaitMs + requestTimeoutMs, signal })
      })
      .then(
        (response) => {
          done()
          this.#metrics.fetches.add()
          this.#metrics.fetchSeconds.observe((clock.monotonicMs() - sentMs) / 1_000)
          this.#backoff.reset()
          this.#answered(response, hungry, versions)
        },
        (error: unknown) => {
          done()
          if (!signal.aborted) this.#lost(error, hungry)
        },
      )
      .then(() => this.pump())
      // A bug of ours must not end the loop in silence.
      .catch((error: unknown) => this.#events.failed(error instanceof Error ? error : new Error(String(error))))
    return Math.min(room, bytes.each * hungry.length)
  }

  async #connection(leader: number): Promise<Connection> {
    return this.#lane.established(leader) ?? this.#lane.to(leader)
  }

  #answered(response: ResponseOf<'fetch'>, hungry: readonly PartitionState[], versions: readonly number[]): void {
    if (response.errorCode !== 0) {
      this.#lost(kafkaError(errorCodeOf(response.errorCode), 'fetch'), hungry)
      return
    }
    let changed = false
    for (const topic of response.responses) {
      const name = this.#cluster.nameOf(topic.topic, topic.topicId)
      for (const answer of topic.partitions) {
        const at = hungry.findIndex((state) => state.partition === answer.partitionIndex && state.topic === name)
        const state = hungry[at]
        // Sought, reassigned or revoked meanwhile: the answer is to a question nobody asks any more.
        if (state === undefined || state.version !== versions[at]) continue
        if (this.#take(state, answer)) changed = true
      }
    }
    if (!changed) return
    this.#metrics.bufferedBytes.set(this.bufferedBytes)
    this.#events.wake()
  }

  /** Returns whether a waiting poll has something to look at. */
  #take(state: PartitionState, answer: PartitionAnswer): boolean {
    if (answer.errorCode !== 0) {
      const place = partitionName(state.topic, state.partition)
      this.#refused(state, kafkaError(errorCodeOf(answer.errorCode), place))
      return true
    }
    state.failures = 0
    const readTo = this.#settings.isolation === 'read_committed' ? answer.lastStableOffset : answer.highWatermark
    state.end = offset(readTo)
    state.lagGauge ??= this.#metrics.lag(state)
    if (state.position !== undefined) state.lagGauge.set(state.end - state.position)
    if (answer.logStartOffset >= 0) state.logStart = offset(answer.logStartOffset)
    if (answer.records === null || answer.records.length === 0) return false
    try {
      this.#keep(state, answer.records, answer.abortedTransactions ?? [])
    } catch (error) {
      this.#refused(state, error)
    }
    return true
  }

  /** Disk and network are doors alike: each batch is checked here, once. */
  #keep(state: PartitionState, bytes: Buffer, aborted: readonly AbortedTransaction[]): void {
    const source = partitionName(state.topic, state.partition)
    this.#metrics.fetchedBytes.add(bytes.length)
    const filter = new AbortedFilter(this.#settings.isolation === 'read_committed' ? aborted : [])
    for (const batch of openBatches(bytes, { source, position: 0 })) {
      const from = state.fetchFrom ?? offset(0)
      const next = nextOffset(batch)
      // A batch below the position still tells whose transaction is over: the broker starts at one that covers it.
      const hidden = filter.hides(batch)
      if (next <= from) continue
      if (hidden) state.skipTo(next, leaderEpoch(batch))
      else {
        const { topic, partition } = state
        state.keep({ topic, partition, batch, from, next, leaderEpoch: leaderEpoch(batch) })
      }
    }
  }

  #refused(state: PartitionState, error: unknown): void {
    switch (remedyFor(error)) {
      case 'reset-offset':
        this.#events.outOfRange(state)
        return
      case 'refresh-metadata':
        this.#postpone(state)
        this.#refreshMetadata()
        return
      case 'retry':
        this.#postpone(state)
        return
      default:
        this.#postpone(state)
        this.#events.failed(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #postpone(state: PartitionState): void {
    const pauseMs = Math.min(1_000, retryMs * 2 ** state.failures++)
    state.retryAtMs = this.#cluster.ports.clock.monotonicMs() + pauseMs
  }

  /** The whole request failed. */
  #lost(error: unknown, hungry: readonly PartitionState[]): void {
    if (this.#closed) return
    const remedy = remedyFor(error)
    this.#cluster.ports.log.debug('a fetch failed', { error: messageOf(error), remedy })
    for (const state of hungry) this.#postpone(state)
    if (remedy === 'refresh-metadata') this.#refreshMetadata()
    else if (remedy !== 'retry') this.#events.failed(error instanceof Error ? error : new Error(String(error)))
  }
}
