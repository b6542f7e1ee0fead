import type { Clock } from '@millrace/kernel'
import { loadedClient } from '../client-module.ts'
import type { ConsumerEvents, ConsumerRunConfig, EachBatchHandler, EachMessageHandler } from '../consumer.ts'
import type { Emitter } from '../emitter.ts'
import { KafkaJSError } from '../errors.ts'
import { toKafkaJS } from '../failure.ts'
import type { Logger } from '../logger.ts'
import type { Offsets } from '../message.ts'
import { decodedMessage } from './decoded-message.ts'
import type { FetchedBatch } from './fetched-batch.ts'
import type { OffsetBook } from './offset-book.ts'
import type { PartitionLane } from './partition-lane.ts'

/** What the worker needs of the run it belongs to. */
export interface WorkerHost {
  readonly clock: Clock
  readonly emitter: Emitter
  readonly events: ConsumerEvents
  readonly logger: Logger
  readonly offsets: OffsetBook
  readonly config: ConsumerRunConfig
  readonly isRunning: boolean
  isPaused(lane: PartitionLane): boolean
  /** @throws KafkaJSProtocolError when the lane is to be given up */
  heartbeat(lane: PartitionLane): Promise<void>
  pause(lane: PartitionLane): () => void
  /** A message more is done. */
  progressed(lane: PartitionLane): void
}

/** Hands batches to the program, and keeps account of what it is done with. */
export class LaneWorker {
  readonly #host: WorkerHost

  constructor(host: WorkerHost) {
    this.#host = host
  }

  /** Resolves when the program is done with the batch, or with as much of it as it wants. @throws what it throws */
  async process(lane: PartitionLane, batch: FetchedBatch): Promise<void> {
    const { emitter, events, clock, config } = this.#host
    const tells = emitter.has(events.START_BATCH_PROCESS) || emitter.has(events.END_BATCH_PROCESS)
    const payload = tells ? batch.payload() : undefined
    const startedAtMs = clock.nowMs()
    if (payload !== undefined) emitter.emit(events.START_BATCH_PROCESS, payload)
    if (config.eachMessage !== undefined) await this.#eachMessage(lane, batch, config.eachMessage)
    else if (config.eachBatch !== undefined) await this.#eachBatch(lane, batch, config.eachBatch)
    else lane.resolved = batch.next
    if (payload === undefined) return
    emitter.emit(events.END_BATCH_PROCESS, { ...payload, duration: clock.nowMs() - startedAtMs })
  }

  async #eachMessage(lane: PartitionLane, batch: FetchedBatch, handler: EachMessageHandler): Promise<void> {
    const host = this.#host
    const { offsets } = host
    const { topic, partition } = lane
    const heartbeat = () => host.heartbeat(lane)
    const pause = () => host.pause(lane)
    const cursor = new (loadedClient().BatchCursor)()
    for (const { batch: bytes, from } of batch.parts) {
      cursor.open(bytes)
      while (cursor.next()) {
        if (cursor.offset < from) continue
        if (!host.isRunning || lane.isStale || host.isPaused(lane)) return
        const message = decodedMessage(cursor)
        const next = cursor.offset + 1
        try {
          await handler({ topic, partition, message, heartbeat, pause })
        } catch (error) {
          this.#complain('eachMessage', lane, message.offset, error)
          throw error
        }
        lane.resolved = next
        host.progressed(lane)
        if (offsets.isDue) await offsets.commitResolved()
      }
    }
    lane.resolved = batch.next
  }

  async #eachBatch(lane: PartitionLane, batch: FetchedBatch, handler: EachBatchHandler): Promise<void> {
    const host = this.#host
    const decoded = batch.decoded()
    const last = decoded.messages.at(-1)?.offset
    if (last === undefined) {
      lane.resolved = batch.next
      return
    }
    try {
      await handler({
        batch: decoded,
        resolveOffset: (offset) => {
          // Markers lie behind the last message: nobody but us can step over them.
          const isLast = `${offset}` === last
          if (lane.sought === undefined) lane.resolved = isLast ? batch.next : Number(offset) + 1
          host.progressed(lane)
        },
        heartbeat: () => host.heartbeat(lane),
        pause: () => host.pause(lane),
        commitOffsetsIfNecessary: (offsets) => this.#commitIfNecessary(offsets),
        uncommittedOffsets: () => host.offsets.uncommitted(),
        isRunning: () => host.isRunning,
        isStale: () => lane.isStale,
      })
    } catch (error) {
      this.#complain('eachBatch', lane, decoded.firstOffset(), error)
      throw error
    }
    if (host.config.eachBatchAutoResolve !== false && lane.sought === undefined) lane.resolved = batch.next
  }

  async #commitIfNecessary(given: Offsets | undefined): Promise<void> {
    const { offsets } = this.#host
    try {
      if (given !== undefined) await offsets.commit(given.topics)
      else if (offsets.isDue) await offsets.commitResolved()
    } catch (error) {
      throw toKafkaJS(error)
    }
  }

  #complain(callback: string, { topic, partition }: PartitionLane, offset: string | null, error: unknown): void {
    if (error instanceof KafkaJSError) return
    const stack = error instanceof Error ? error.stack : undefined
    this.#host.logger.error(`Error when calling ${callback}`, { topic, partition, offset, stack, error })
  }
}
