import type { ResponseOf } from '@millrace/client/internal'
import { type Clock, TopicPartitionMap } from '@millrace/kernel'
import type { ConsumerEvents } from '../consumer.ts'
import type { Emitter } from '../emitter.ts'
import type { AnswerHooks, Exchange } from './observed-transport.ts'
import { RequestWatcher } from './request-watcher.ts'

/** What the last round of the group said. */
export interface GroupRound {
  readonly memberId: string
  readonly leaderId: string
  readonly protocol: string
  readonly generation: number
  readonly startedAtMs: number
}

/** Reads off the wire what kafkajs tells of a member: heartbeats, rounds, fetches, ends of logs. */
export class GroupWatcher extends RequestWatcher {
  override readonly hooks: AnswerHooks = {
    fetch: (exchange, response) => this.#fetched(exchange, response),
    heartbeat: (_exchange, response) => this.#beat(response),
    joinGroup: (exchange, response) => this.#joined(exchange, response),
  }
  readonly highWatermarks = new TopicPartitionMap<number>()
  readonly #events: ConsumerEvents
  #groupId = ''
  #round: GroupRound | undefined
  #rejoining: ((memberId: string) => void) | undefined

  constructor(emitter: Emitter, clock: Pick<Clock, 'nowMs'>, events: ConsumerEvents, clientId: string) {
    super(emitter, clock, events, clientId)
    this.#events = events
  }

  get round(): GroupRound | undefined {
    return this.#round
  }

  /** A new membership in a group; `rejoining` is called when it goes into another round. */
  begin(groupId: string, rejoining: (memberId: string) => void): void {
    this.#groupId = groupId
    this.#round = undefined
    this.#rejoining = rejoining
    this.highWatermarks.clear()
  }

  override sent(exchange: Exchange): void {
    super.sent(exchange)
    if (exchange.api === 'joinGroup') {
      if (this.#round !== undefined) this.#rejoining?.(this.#round.memberId)
    } else if (exchange.api === 'fetch') {
      this.emitter.emit(this.#events.FETCH_START, { nodeId: exchange.connection.node.nodeId })
    }
  }

  #fetched(exchange: Exchange, response: ResponseOf<'fetch'>): void {
    for (const { topic, partitions } of response.responses) {
      for (const row of partitions) {
        if (row.highWatermark >= 0) this.highWatermarks.set(topic, row.partitionIndex, row.highWatermark)
      }
    }
    const { nodeId } = exchange.connection.node
    this.emitter.emit(this.#events.FETCH, {
      numberOfBatches: 0,
      duration: this.nowMs() - exchange.startedAtMs,
      nodeId,
    })
  }

  #beat(response: ResponseOf<'heartbeat'>): void {
    const round = this.#round
    if (response.errorCode !== 0 || round === undefined) return
    const { memberId, generation: groupGenerationId } = round
    this.emitter.emit(this.#events.HEARTBEAT, { groupId: this.#groupId, memberId, groupGenerationId })
  }

  #joined(exchange: Exchange, response: ResponseOf<'joinGroup'>): void {
    if (response.errorCode !== 0) return
    this.#round = {
      memberId: response.memberId,
      leaderId: response.leader,
      protocol: response.protocolName ?? '',
      generation: response.generationId,
      startedAtMs: exchange.startedAtMs,
    }
  }
}
