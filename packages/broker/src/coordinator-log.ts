import type { Buffer } from 'node:buffer'
import { type ByteWritable, messageOf, type Offset, offset } from '@millrace/kernel'
import type { AppendOptions, LogDirectory, PartitionLog } from '@millrace/log/internal'
import {
  BatchBuilder,
  BatchCursor,
  type BatchIdentity,
  isControl,
  isTransactional,
  nextOffset,
  openBatches,
  producerId,
  readControl,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'
import type { BrokerPorts } from './broker-ports.ts'
import { partitionByHash } from './java-hash.ts'
import { kafkaCodeOf } from './wire-error.ts'

/** One record: `value` null takes it away. */
export interface CoordinatorRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** Where an append ended, to wait for its sync. */
export interface Written {
  readonly log: PartitionLog
  readonly partition: number
  readonly from: Offset
  readonly upTo: Offset
}

/** Of which batch a record is. */
export interface RecordPlace {
  readonly partition: number
  readonly offset: Offset
  /** Of the transaction it was written in; -1 for none. */
  readonly producerId: number
}

export interface LogVisitor {
  record(key: Buffer, value: Buffer | null, place: RecordPlace): void
  /** The producer's transaction ended on the partition. */
  marker?(partition: number, producerId: number, commit: boolean): void
}

export interface CoordinatorTopic {
  readonly name: string
  /** Said of what is kept there: "groups". */
  readonly what: string
  readonly partitions: number
  readonly configs: ReadonlyMap<string, string>
}

const bytesOut: ByteWritable<Buffer> = { write: (bytes, out) => void out.raw(bytes) }
const readBytesMax = 1 << 20

/**
 * A compacted topic in which a coordinator keeps its state by the name of a group or a transactional id: made at the
 * first use, read whole at the start, appended to a batch at a time.
 */
export class CoordinatorLog {
  readonly #directory: LogDirectory
  readonly #ports: BrokerPorts
  readonly #topic: CoordinatorTopic
  #making: Promise<void> | undefined
  readonly #unreadable = new Set<number>()

  constructor(directory: LogDirectory, ports: BrokerPorts, topic: CoordinatorTopic) {
    this.#directory = directory
    this.#ports = ports
    this.#topic = topic
  }

  /** Resolves with true when appends can be made; with false when the topic could not be made, which is in the log. */
  async ready(): Promise<boolean> {
    if (this.#making === undefined && this.#directory.topic(this.#topic.name) !== undefined) return true
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    try {
      await this.#making
      return true
    } catch (error) {
      const { name, what } = this.#topic
      this.#ports.log.error(`${what} cannot be kept`, { topic: name, reason: messageOf(error) })
      return false
    }
  }

  /**
   * The partition that keeps the name cannot be read: what is known of it is not all, and must not be taken for that.
   */
  isLost(name: string): boolean {
    const partitions = this.#directory.topic(this.#topic.name)?.partitions
    if (partitions === undefined || this.#making !== undefined) return false
    return this.#isUnreadable(partitionByHash(name, partitions))
  }

  /** Any of the partitions cannot be read. */
  get anyLost(): boolean {
    return this.#all().some((partition) => this.#isUnreadable(partition))
  }

  /** The partition that keeps the name; 0 while there is no topic. */
  partitionOf(name: string): number {
    const partitions = this.#directory.topic(this.#topic.name)?.partitions ?? 0
    return partitions === 0 ? 0 : partitionByHash(name, partitions)
  }

  /**
   * One batch with all records of one name: they stand or fall together. @throws what the log throws; nothing is
   * written then.
   */
  append(
    name: string,
    records: readonly CoordinatorRecord[],
    identity?: BatchIdentity,
    options?: AppendOptions,
  ): Written {
    const partition = this.partitionOf(name)
    const log = this.#directory.partition(this.#topic.name, partition)
    if (log === undefined) throw new Error(`${this.#topic.name} has no partition for ${name}`)
    const builder = new BatchBuilder({ capacityBytes: 1024 })
    const nowMs = this.#ports.clock.nowMs()
    for (const { key, value } of records) builder.append(nowMs, key, bytesOut, value, bytesOut, null)
    const { baseOffset, lastOffset } = log.append(builder.build(identity), options)
    return { log, partition, from: baseOffset, upTo: offset(lastOffset + 1) }
  }

  /** Visits every record and marker of every partition, in order. Lets others run between batches. */
  async load(visitor: LogVisitor): Promise<void> {
    for (const partition of this.#all()) {
      const log = this.#directory.partition(this.#topic.name, partition)
      if (log === undefined) continue // the log has said why; `isLost` keeps its names from being taken for new ones
      try {
        await this.#loadPartition(log, visitor)
      } catch (error) {
        this.#unreadable.add(partition)
        this.#ports.log.error(`${this.#topic.what} cannot be read`, {
          partition: `${this.#topic.name}-${partition}`,
          reason: messageOf(error),
        })
      }
    }
  }

  /** Resolves when all that is in it survives a power cut. */
  async settled(): Promise<void> {
    const logs = this.#all().map((partition) => this.#directory.partition(this.#topic.name, partition))
    await Promise.all(logs.map((log) => log?.synced(log.highWatermark)))
  }

  #all(): number[] {
    return Array.from({ length: this.#directory.topic(this.#topic.name)?.partitions ?? 0 }, (_, i) => i)
  }

  #isUnreadable(partition: number): boolean {
    return this.#unreadable.has(partition) || this.#directory.partition(this.#topic.name, partition) === undefined
  }

  async #loadPartition(log: PartitionLog, visitor: LogVisitor): Promise<void> {
    const { topic, partition } = log.at
    const cursor = new BatchCursor()
    let next = log.logStart
    while (next < log.highWatermark) {
      const { bytes } = log.read(next, readBytesMax, 'read_uncommitted')
      if (bytes.length === 0) break
      for (const batch of openBatches(bytes, { source: `${topic}-${partition}@${next}`, position: 0 })) {
        next = nextOffset(batch)
        visitBatch(batch, cursor, partition, visitor)
      }
      await this.#ports.clock.turn()
    }
    cursor.release()
  }

  async #make(): Promise<void> {
    const { name, partitions, configs } = this.#topic
    try {
      await this.#directory.createTopic({ name, partitions, configs })
    } catch (error) {
      if (kafkaCodeOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
    }
  }
}

function visitBatch(batch: ValidBatch, cursor: BatchCursor, partition: number, visitor: LogVisitor): void {
  if (recordCount(batch) === 0) return // the cleaner took all
  if (isControl(batch)) {
    const marker = readControl(batch)
    if (marker !== undefined) visitor.marker?.(partition, producerId(batch), marker.type === 'commit')
    return
  }
  const writer = isTransactional(batch) ? producerId(batch) : -1
  cursor.open(batch)
  while (cursor.next()) {
    if (cursor.keyFrom < 0) continue
    const value = cursor.valueFrom < 0 ? null : cursor.bytes.subarray(cursor.valueFrom, cursor.valueTo)
    const key = cursor.bytes.subarray(cursor.keyFrom, cursor.keyTo)
    visitor.record(key, value, { partition, offset: cursor.offset, producerId: writer })
  }
}
