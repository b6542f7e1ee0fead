import {
  codeOf,
  errorCodeOf,
  kafkaError,
  MillraceError,
  messageOf,
  type Offset,
  offset,
  partitionName,
  type Timer,
} from '@millrace/kernel'
import type { Connection } from '@millrace/protocol/internal'
import { Backoff } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Lane } from '../cluster/lane.ts'
import { concurrentPauseMs } from '../transaction/coordinator-call.ts'
import { firstVersionMax } from '../transaction/transaction-requests.ts'
import { Identities } from './identities.ts'
import type { PartitionQueue, ProducerIdentity } from './partition-queue.ts'
import { FlushTicket, hold, type PendingBatch } from './pending-batch.ts'
import { answerFor, produceRequest, type Shipment } from './produce-request.ts'
import type { ProducerSettings } from './producer-settings.ts'
import { certainlyNotWritten, verdictOn } from './verdict.ts'

/** Bytes of batches in one request, roughly. */
const requestBytesMax = 4 * 1024 * 1024

export interface SenderEvents {
  /** A batch is settled, one way or the other: its bytes are free again. */
  settled(batch: PendingBatch, error: Error | undefined): void
  /** Nothing can be written any more. */
  fatal(error: Error): void
  /** Open batches must not wait any longer. */
  urgent(): boolean
}

/** What a transaction has to say about its batches. */
export interface TransactionGate {
  readonly version: 1 | 2
  maySend(topic: string, partition: number): boolean
}

/** Takes batches from the queues to the brokers and settles each exactly once. */
export class Sender {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #events: SenderEvents
  readonly #lane: Lane
  readonly #listed = new Set<PartitionQueue>()
  readonly #inFlight = new Map<number, number>()
  readonly #connecting = new Set<number>()
  readonly #backoff: Backoff
  readonly #concurrent: Backoff
  readonly #gate: TransactionGate | undefined
  readonly #identities: Identities
  /** Why no broker could be reached when last tried. */
  #outage: unknown
  /** With what all fails that is not in flight, until the transaction has ended. */
  #halted: Error | undefined
  #gap = false
  #scheduled = false
  #refreshing = false
  #closed = false
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  /** @param gate of a transactional producer, whose identity comes by `resume` */
  constructor(cluster: Cluster, settings: ProducerSettings, events: SenderEvents, gate?: TransactionGate) {
    this.#cluster = cluster
    this.#settings = settings
    this.#events = events
    this.#lane = cluster.lane()
    this.#backoff = new Backoff(cluster.ports.random)
    this.#concurrent = new Backoff(cluster.ports.random, concurrentPauseMs)
    this.#gate = gate
    this.#identities = new Identities(cluster, settings, gate !== undefined, {
      wake: () => this.wake(),
      fatal: (error) => events.fatal(error),
    })
  }

  /** Closes the open batch of a queue, which is listed or going to be. */
  seal(queue: PartitionQueue): void {
    queue.seal(this.#identities.next(queue))
  }

  queues(): Iterable<PartitionQueue> {
    return this.#listed
  }

  /** The queue has something to send. */
  list(queue: PartitionQueue): void {
    queue.listed = true
    this.#listed.add(queue)
    this.wake()
  }

  /** Sends what is ready once the code that runs now has gone its way, so that what it still appends goes along. */
  wake(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    Promise.resolve().then(() => {
      this.#scheduled = false
      if (!this.#closed) this.#sendReady()
    })
  }

  /** Wakes at a time of the monotonic clock. */
  wakeAt(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#closed) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#cluster.ports.clock.after(Math.max(0, atMs - this.#cluster.ports.clock.monotonicMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.wake()
    })
  }

  /** Fails what is not in flight, and what comes back from there to be tried again, until `resume`. */
  halt(error: Error): void {
    this.#halted ??= error
    for (const queue of this.#listed) {
      const { dropped, gap } = queue.dropUnsent()
      if (gap) this.#gap = true
      for (const batch of dropped) this.#settle(queue, batch, offset(-1), -1, this.#halted)
    }
  }

  /** Resolves once nothing is in flight. */
  async quiet(): Promise<void> {
    const ticket = new FlushTicket()
    ticket.add() // held until all are counted
    for (const queue of this.#listed) for (const batch of queue.inFlight) hold(batch, ticket)
    ticket.settle()
    await ticket.done
  }

  /** Sequences were given up that a broker may wait for, since the last `resume`. */
  get gap(): boolean {
    return this.#gap
  }

  /** A transaction may begin: its batches go under this identity. */
  resume(identity: ProducerIdentity): void {
    this.#identities.set(identity)
    this.#halted = undefined
    this.#gap = false
    this.wake()
  }

  /** Fails everything that is left. */
  failAll(error: Error): void {
    for (const queue of this.#listed) {
      queue.seal(undefined)
      for (const batch of [...queue.inFlight, ...queue.sealed]) {
        queue.settle(batch)
        this.#settle(queue, batch, offset(-1), -1, error)
      }
      queue.sealed.length = 0
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await this.#lane.close()
  }

  #sendReady(): void {
    this.#identities.renew(this.#listed)
    for (;;) {
      const byNode = this.#collect()
      if (byNode.size === 0) return
      for (const [connection, shipments] of byNode) this.#send(connection, shipments)
    }
  }

  /** At most one batch of each partition, by the broker that leads it. */
  #collect(): Map<Connection, Shipment[]> {
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    const byNode = new Map<Connection, Shipment[]>()
    const bytesByNode = new Map<Connection, number>()
    for (const queue of this.#listed) {
      if (queue.idle) {
        queue.listed = false
        this.#listed.delete(queue)
        continue
      }
      this.#expire(queue, nowMs)
      if (!this.#hasReady(queue, nowMs)) continue
      const connection = this.#leaderOf(queue)
      if (connection === undefined) continue
      const bytes = bytesByNode.get(connection) ?? 0
      if (bytes >= requestBytesMax) continue
      const batch = this.#take(queue)
      bytesByNode.set(connection, bytes + batch.bytes.length)
      const shipments = byNode.get(connection)
      if (shipments === undefined) byNode.set(connection, [{ queue, batch }])
      else shipments.push({ queue, batch })
    }
    return byNode
  }

  /** Whether the queue's next batch may be sent; seals the open one when its time has come. */
  #hasReady(queue: PartitionQueue, nowMs: number): boolean {
    if (queue.retryAtMs > nowMs) {
      this.wakeAt(queue.retryAtMs)
      return false
    }
    if (queue.inFlight.length >= this.#roomOf(queue)) return false
    if (this.#gate !== undefined && !this.#gate.maySend(queue.topic, queue.partition)) {
      if (queue.builder.count > 0) this.wakeAt(queue.openedAtMs + this.#settings.deliveryTimeoutMs)
      return false
    }
    if (queue.sealed.length === 0) {
      if (queue.builder.count === 0) return false
      const dueMs = queue.openedAtMs + this.#settings.lingerMs
      if (!this.#events.urgent() && (queue.inFlight.length > 0 || dueMs > nowMs)) {
        if (queue.inFlight.length === 0) this.wakeAt(dueMs)
        return false
      }
      if (this.#identities.isAwaited(queue)) {
        this.wakeAt(queue.openedAtMs + this.#settings.deliveryTimeoutMs)
        return false
      }
      this.seal(queue)
    }
    const next = queue.sealed[0]!
    // A retry goes alone: brokers remember five batches, and with others behind it they might forget that they have it.
    if (queue.inFlight.length > 0 && (next.attempts > 0 || queue.inFlight[0]!.attempts > 1)) return false
    return next.standing === 'unresolved' || !this.#identities.isAwaited(queue)
  }

  /** How many batches of one partition may be in flight without a retry turning their order round. */
  #roomOf(queue: PartitionQueue): number {
    if (this.#settings.acks === 0) return this.#settings.maxInFlight
    // A broker that knows nothing of a producer takes any sequence for its first: that one goes alone. Under transaction
    // version 2 it takes 0 only.
    if (this.#gate?.version === 2) return this.#settings.maxInFlight
    if (this.#settings.idempotent && queue.confirmed === this.#identities.of(queue)) return this.#settings.maxInFlight
    return 1
  }

  #take(queue: PartitionQueue): PendingBatch {
    const batch = queue.sealed.shift()!
    const identity = this.#identities.of(queue)
    if (identity !== undefined && batch.sequence < 0) queue.stamp(batch, identity)
    queue.inFlight.push(batch)
    batch.attempts++
    batch.standing = 'unresolved'
    return batch
  }

  /** A connection with room to the partition's leader, or undefined and on the way to one. */
  #leaderOf(queue: PartitionQueue): Connection | undefined {
    const leader = this.#cluster.partition(queue.topic, queue.partition)?.leader ?? -1
    if (leader < 0) {
      this.#refreshMetadata(queue)
      return undefined
    }
    if ((this.#inFlight.get(leader) ?? 0) >= this.#settings.maxInFlight) return undefined
    const connection = this.#lane.established(leader)
    if (connection === undefined) this.#connect(leader, queue)
    return connection
  }

  #connect(nodeId: number, queue: PartitionQueue): void {
    if (this.#connecting.has(nodeId)) return
    this.#connecting.add(nodeId)
    this.#lane.to(nodeId).then(
      () => {
        this.#connecting.delete(nodeId)
        this.#outage = undefined
        this.#backoff.reset()
        this.wake()
      },
      (error: unknown) => {
        this.#connecting.delete(nodeId)
        this.#outage = error
        this.#refreshMetadata(queue)
      },
    )
  }

  /** Asks who leads, after a pause that grows while nobody answers. */
  #refreshMetadata(queue: PartitionQueue): void {
    const { clock } = this.#cluster.ports
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const pauseMs = this.#backoff.next()
    const again = () => {
      this.#refreshing = false
      this.wake()
    }
    clock.after(pauseMs, () => {
      this.#cluster.refresh([queue.topic]).then(again, (error: unknown) => {
        this.#outage = error
        again()
      })
    })
  }

  #send(connection: Connection, shipments: readonly Shipment[]): void {
    const { nodeId } = connection.node
    this.#inFlight.set(nodeId, (this.#inFlight.get(nodeId) ?? 0) + 1)
    const request = produceRequest(shipments, this.#cluster, this.#settings)
    // The broker may use all of the request timeout; the answer needs a moment more.
    const answered = connection.send('produce', request, {
      timeoutMs: this.#settings.requestTimeoutMs + 1_000,
      versionMax: this.#gate?.version === 1 ? firstVersionMax.produce : undefined,
    })
    const settled = () => {
      this.#inFlight.set(nodeId, this.#inFlight.get(nodeId)! - 1)
    }
    answered.then(
      (response) => {
        settled()
        for (const node of response.nodeEndpoints) this.#cluster.learn(node)
        for (const shipment of shipments) this.#answered(shipment, response)
        this.wake()
      },
      (error: unknown) => {
        settled()
        for (const shipment of shipments) this.#failed(shipment, error)
        this.wake()
      },
    )
  }

  #answered(shipment: Shipment, response: Parameters<typeof answerFor>[0]): void {
    const { queue, batch } = shipment
    if (!queue.inFlight.includes(batch)) return // failed with everything else meanwhile
    if (this.#settings.acks === 0) {
      queue.settle(batch)
      this.#settle(queue, batch, offset(-1), -1, undefined)
      return
    }
    const answer = answerFor(response, queue, this.#cluster)
    const place = partitionName(queue.topic, queue.partition)
    if (answer === undefined) {
      this.#failed(shipment, kafkaError('UNKNOWN_SERVER_ERROR', place, 'The answer does not mention the partition.'))
    } else if (answer.errorCode === 0) {
      queue.settle(batch)
      queue.confirmed = this.#identities.of(queue)
      this.#backoff.reset()
      this.#concurrent.reset()
      this.#settle(queue, batch, answer.baseOffset, answer.appendTimeMs, undefined)
    } else {
      const { leaderId: leader, leaderEpoch } = answer.currentLeader
      const isTold = this.#cluster.learnLeader(queue.topic, queue.partition, { leader, leaderEpoch })
      const error = kafkaError(errorCodeOf(answer.errorCode), place, answer.errorMessage ?? undefined)
      this.#failed(shipment, error, isTold)
    }
  }

  /** @param isTold with the error came who leads now: nobody need be asked, nor waited for (KIP-951) */
  #failed(shipment: Shipment, error: unknown, isTold = false): void {
    const { queue, batch } = shipment
    if (!queue.inFlight.includes(batch)) return // failed with everything else meanwhile
    if (certainlyNotWritten(error, batch.attempts)) batch.standing = 'refused'
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    const verdict = verdictOn(error, {
      idempotent: this.#settings.idempotent,
      transactional: this.#gate !== undefined,
      firstInLine: queue.isFirst(batch),
      records: batch.count,
      expired: nowMs - batch.openedAtMs >= this.#settings.deliveryTimeoutMs,
    })
    if (this.#halted !== undefined && verdict !== 'delivered' && verdict !== 'fatal') {
      this.#giveUp(queue, batch, verdict === 'fail' ? error : this.#halted)
      return
    }
    switch (verdict) {
      case 'delivered':
        queue.settle(batch)
        this.#settle(queue, batch, offset(-1), -1, undefined)
        return
      case 'split':
        queue.split(batch, this.#identities.of(queue))
        return
      case 'new-identity':
        this.#identities.broken(queue)
        this.#retry(queue, batch, nowMs, error)
        return
      case 'retry-elsewhere':
        this.#retry(queue, batch, nowMs, error)
        if (isTold) queue.retryAtMs = nowMs
        else this.#refreshMetadata(queue)
        return
      case 'retry':
        this.#retry(queue, batch, nowMs, error)
        return
      case 'fail':
        this.#giveUp(queue, batch, error)
        return
      case 'fatal':
        this.#giveUp(queue, batch, error)
        this.#events.fatal(error instanceof Error ? error : new Error(String(error)))
        return
    }
  }

  #retry(queue: PartitionQueue, batch: PendingBatch, nowMs: number, error: unknown): void {
    const place = partitionName(queue.topic, queue.partition)
    const reason = messageOf(error)
    this.#cluster.ports.log.debug('produce is tried again', { place, attempts: batch.attempts, reason })
    batch.lastError = error
    queue.requeue(batch)
    const backoff = codeOf(error) === 'CONCURRENT_TRANSACTIONS' ? this.#concurrent : this.#backoff
    queue.retryAtMs = nowMs + backoff.next()
  }

  #giveUp(queue: PartitionQueue, batch: PendingBatch, cause: unknown): void {
    queue.settle(batch)
    // Its sequence will never come: what follows it would be refused as out of order.
    if (this.#gate !== undefined) this.#gap = true
    else if (this.#settings.idempotent && batch.sequence >= 0) this.#identities.broken(queue)
    const error =
      cause instanceof Error ? cause : new MillraceError('UNKNOWN_SERVER_ERROR', messageOf(cause), { cause })
    this.#settle(queue, batch, offset(-1), -1, error)
  }

  /** Batches that have waited too long to be tried again. Those in flight are bounded by the request's own timeout. */
  #expire(queue: PartitionQueue, nowMs: number): void {
    const isOld = nowMs >= queue.openedAtMs + this.#settings.deliveryTimeoutMs
    if (queue.sealed.length === 0 && isOld) queue.seal(undefined)
    for (let batch = queue.sealed[0]; batch !== undefined; batch = queue.sealed[0]) {
      const dueMs = batch.openedAtMs + this.#settings.deliveryTimeoutMs
      if (nowMs < dueMs) {
        this.wakeAt(dueMs)
        return
      }
      queue.sealed.shift()
      const place = partitionName(queue.topic, queue.partition)
      const led = (this.#cluster.partition(queue.topic, queue.partition)?.leader ?? -1) >= 0
      const unsent = led ? this.#outage : kafkaError('LEADER_NOT_AVAILABLE', place)
      this.#giveUp(queue, batch, undelivered(place, batch.attempts, batch.lastError ?? unsent))
    }
  }

  #settle(
    queue: PartitionQueue,
    batch: PendingBatch,
    base: Offset,
    appendTimeMs: number,
    error: Error | undefined,
  ): void {
    if (error === undefined && base >= 0) {
      const last = offset(base + batch.count - 1)
      if (queue.acknowledged === undefined || last > queue.acknowledged) queue.acknowledged = last
    }
    for (const receipt of batch.receipts) {
      if (error === undefined) receipt.delivered(base < 0 ? base : offset(base + receipt.index), appendTimeMs)
      else receipt.failed(error)
    }
    this.#events.settled(batch, error)
    for (const ticket of batch.tickets) ticket.settle()
  }
}

/** With what stood in the way last: "too late" alone says nothing about what to mend. */
function undelivered(place: string, attempts: number, cause: unknown): MillraceError {
  const text = `not acknowledged within deliveryTimeoutMs, after ${attempts} attempts`
  if (cause === undefined) return new MillraceError('REQUEST_TIMED_OUT', text, { place })
  return new MillraceError('REQUEST_TIMED_OUT', `${text}: ${messageOf(cause)}`, { place, cause })
}
