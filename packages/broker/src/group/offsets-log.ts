import type { Buffer } from 'node:buffer'
import { type ByteWritable, messageOf, type Offset, offset } from '@millrace/kernel'
import type { LogDirectory, PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, BatchCursor, isControl, nextOffset, openBatches } from '@millrace/record/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import { offsetsTopic } from '../internal-topics.ts'
import type { Settings } from '../settings.ts'
import { kafkaCodeOf } from '../wire-error.ts'
import { groupPartition } from './java-hash.ts'

/** One record of a group: `value` null takes it away. */
export interface OffsetsRecord {
  readonly key: Buffer
  readonly value: Buffer | null
}

/** Where an append ended, to wait for its sync. */
export interface Written {
  readonly log: PartitionLog
  readonly upTo: Offset
}

const bytesOut: ByteWritable<Buffer> = { write: (bytes, out) => void out.raw(bytes) }
const readBytesMax = 1 << 20

/** The topic `__consumer_offsets`: made at the first use, read whole at the start, appended to a batch at a time. */
export class OffsetsLog {
  readonly #directory: LogDirectory
  readonly #ports: BrokerPorts
  readonly #settings: Settings
  #making: Promise<void> | undefined
  readonly #unreadable = new Set<number>()

  constructor(directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#directory = directory
    this.#ports = ports
    this.#settings = settings
  }

  /** Resolves with true when appends can be made; with false when the topic could not be made, which is in the log. */
  async ready(): Promise<boolean> {
    if (this.#making === undefined && this.#directory.topic(offsetsTopic) !== undefined) return true
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    try {
      await this.#making
      return true
    } catch (error) {
      this.#ports.log.error('groups cannot be kept', { topic: offsetsTopic, reason: messageOf(error) })
      return false
    }
  }

  /**
   * The partition that keeps the group cannot be read: what it has committed is not known, and must not be taken for
   * nothing.
   */
  isLost(groupId: string): boolean {
    const partitions = this.#directory.topic(offsetsTopic)?.partitions
    if (partitions === undefined || this.#making !== undefined) return false
    const partition = groupPartition(groupId, partitions)
    return this.#unreadable.has(partition) || this.#directory.partition(offsetsTopic, partition) === undefined
  }

  /**
   * One batch with all records of one group: they stand or fall together. @throws what the log throws; nothing is
   * written then.
   */
  append(groupId: string, records: readonly OffsetsRecord[]): Written {
    const partitions = this.#directory.topic(offsetsTopic)?.partitions ?? 0
    const log = this.#directory.partition(offsetsTopic, partitions === 0 ? 0 : groupPartition(groupId, partitions))
    if (log === undefined) throw new Error(`${offsetsTopic} has no partition for group ${groupId}`)
    const builder = new BatchBuilder({ capacityBytes: 1024 })
    const nowMs = this.#ports.clock.nowMs()
    for (const { key, value } of records) builder.append(nowMs, key, bytesOut, value, bytesOut, null)
    return { log, upTo: offset(log.append(builder.build()).lastOffset + 1) }
  }

  /** Visits every record of every partition, in order. Lets others run between batches. */
  async load(visit: (key: Buffer, value: Buffer | null) => void): Promise<void> {
    const partitions = this.#directory.topic(offsetsTopic)?.partitions ?? 0
    for (let partition = 0; partition < partitions; partition++) {
      const log = this.#directory.partition(offsetsTopic, partition)
      if (log === undefined) continue // the log has said why; `isLost` keeps its groups from being taken for new ones
      try {
        await this.#loadPartition(log, visit)
      } catch (error) {
        this.#unreadable.add(partition)
        this.#ports.log.error('groups cannot be read', {
          partition: `${offsetsTopic}-${partition}`,
          reason: messageOf(error),
        })
      }
    }
  }

  async #loadPartition(log: PartitionLog, visit: (key: Buffer, value: Buffer | null) => void): Promise<void> {
    const cursor = new BatchCursor()
    let next = log.logStart
    while (next < log.highWatermark) {
      const { bytes } = log.read(next, readBytesMax, 'read_uncommitted')
      if (bytes.length === 0) break
      for (const batch of openBatches(bytes, { source: `${offsetsTopic}-${log.at.partition}@${next}`, position: 0 })) {
        next = nextOffset(batch)
        if (isControl(batch)) continue
        cursor.open(batch)
        while (cursor.next()) {
          if (cursor.keyFrom >= 0) {
            const value = cursor.valueFrom < 0 ? null : cursor.bytes.subarray(cursor.valueFrom, cursor.valueTo)
            visit(cursor.bytes.subarray(cursor.keyFrom, cursor.keyTo), value)
          }
        }
      }
      await this.#ports.clock.turn()
    }
    cursor.release()
  }

  async #make(): Promise<void> {
    const configs = new Map([
      ['cleanup.policy', 'compact'],
      ['segment.bytes', String(this.#settings['offsets.topic.segment.bytes'])],
      ['compression.type', 'producer'],
    ])
    try {
      const partitions = this.#settings['offsets.topic.num.partitions']
      await this.#directory.createTopic({ name: offsetsTopic, partitions, configs })
    } catch (error) {
      if (kafkaCodeOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error
    }
  }
}
