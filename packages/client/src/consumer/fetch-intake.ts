import type { Buffer } from 'node:buffer'
import { errorCodeOf, kafkaError, offset, partitionName, remedyFor, TopicPartitionMap } from '@millrace/kernel'
import type { ResponseOf } from '@millrace/protocol/internal'
import { leaderEpoch, nextOffset, openBatches } from '@millrace/record/internal'
import type { Cluster } from '../cluster/cluster.ts'
import { AbortedFilter, type AbortedTransaction } from './aborted-filter.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { PartitionState } from './partition-state.ts'

type Answer = ResponseOf<'fetch'>
type PartitionAnswer = Answer['responses'][number]['partitions'][number]

/** Pause before a partition that answered with an error is asked again; doubles up to a second. */
const retryMs = 50

/** A partition that was asked for, and the version of its state then: another one makes the answer worthless. */
export interface Asked {
  readonly state: PartitionState
  readonly version: number
}

export interface IntakeEvents {
  outOfRange(state: PartitionState): void
  failed(error: Error): void
  refreshMetadata(): void
}

/** Takes fetch answers apart: batches into the buffers of their partitions, errors to whoever can do something. */
export class FetchIntake {
  readonly #cluster: Cluster
  readonly #settings: ConsumerSettings
  readonly #metrics: ConsumerMetrics
  readonly #events: IntakeEvents

  constructor(cluster: Cluster, settings: ConsumerSettings, metrics: ConsumerMetrics, events: IntakeEvents) {
    this.#cluster = cluster
    this.#settings = settings
    this.#metrics = metrics
    this.#events = events
  }

  /** Returns whether a waiting poll has something to look at. */
  take(answer: Answer, asked: readonly Asked[]): boolean {
    if (answer.responses.length === 0) return false
    const byPlace = new TopicPartitionMap<Asked>()
    for (const each of asked) byPlace.set(each.state.topic, each.state.partition, each)
    for (const { nodeId, host, port } of answer.nodeEndpoints) this.#cluster.learn({ nodeId, host, port })
    let changed = false
    for (const topic of answer.responses) {
      const name = this.#cluster.nameOf(topic.topic, topic.topicId)
      for (const row of topic.partitions) {
        const each = byPlace.get(name, row.partitionIndex)
        // Sought, reassigned or revoked meanwhile: the answer is to a question nobody asks any more.
        if (each === undefined || each.state.version !== each.version) continue
        if (this.#takeRow(each.state, row)) changed = true
      }
    }
    return changed
  }

  /** An error about one partition. */
  refused(state: PartitionState, error: unknown): void {
    if (state.replica !== undefined) {
      state.replica = undefined // a follower may be behind or gone: the leader knows
      return
    }
    switch (remedyFor(error)) {
      case 'reset-offset':
        // What was fetched before is given out first: only then is the place that is gone where the reader stands.
        if (state.buffered.length > 0) this.postpone(state)
        else this.#events.outOfRange(state)
        return
      case 'refresh-metadata':
        this.postpone(state)
        this.#events.refreshMetadata()
        return
      case 'retry':
        this.postpone(state)
        return
      default:
        this.postpone(state)
        this.#events.failed(error instanceof Error ? error : new Error(String(error)))
    }
  }

  postpone(state: PartitionState): void {
    const pauseMs = Math.min(1_000, retryMs * 2 ** state.failures++)
    state.retryAtMs = this.#cluster.ports.clock.monotonicMs() + pauseMs
  }

  #takeRow(state: PartitionState, row: PartitionAnswer): boolean {
    if (row.errorCode !== 0) {
      const { leaderId: leader, leaderEpoch: epoch } = row.currentLeader
      const told = { leader, leaderEpoch: epoch }
      if (leader >= 0 && this.#cluster.learnLeader(state.topic, state.partition, told)) return false
      this.refused(state, kafkaError(errorCodeOf(row.errorCode), partitionName(state.topic, state.partition)))
      return true
    }
    state.failures = 0
    const readTo = this.#settings.isolation === 'read_committed' ? row.lastStableOffset : row.highWatermark
    state.end = offset(readTo)
    state.lagGauge ??= this.#metrics.lag(state)
    if (state.position !== undefined) state.lagGauge.set(state.end - state.position)
    if (row.logStartOffset >= 0) state.logStart = offset(row.logStartOffset)
    if (row.preferredReadReplica >= 0) {
      const nowMs = this.#cluster.ports.clock.monotonicMs()
      state.replica = { nodeId: row.preferredReadReplica, untilMs: nowMs + this.#cluster.metadataMaxAgeMs }
    }
    if (row.records === null || row.records.length === 0) return false
    try {
      this.#keep(state, row.records, row.abortedTransactions ?? [])
    } catch (error) {
      this.refused(state, error)
    }
    return true
  }

  /** Disk and network are doors alike: each batch is checked here, once. */
  #keep(state: PartitionState, bytes: Buffer, aborted: readonly AbortedTransaction[]): void {
    this.#metrics.fetchedBytes.add(bytes.length)
    const source = partitionName(state.topic, state.partition)
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
}
