import { keyPartitioner, type TopicHandle } from '@millrace/client'
import { ByteWriter } from '@millrace/kernel'
import { byteSlice } from '@millrace/record/internal'
import type { SinkNode } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/** Writes records to a topic: key and value as the bytes they came as, where nothing changed them. */
export class SinkProcessor extends Processor {
  readonly #node: SinkNode
  readonly #to: TopicHandle
  readonly #windowedKeys: boolean

  constructor(node: SinkNode, topic: string, context: TaskContext) {
    super(node.name, context)
    this.#node = node
    this.#windowedKeys = 'inner' in node.keySerde && 'sizeMs' in node.keySerde
    this.#to = context.collector.handle(topic)
  }

  override process(record: CurrentRecord): void {
    const { keySerde, valueSerde } = this.#node
    const rawKey = record.hasKey ? record.rawKey(keySerde) : undefined
    const rawValue = record.hasValue ? record.rawValue(valueSerde) : undefined
    const key = rawKey ?? record.key()
    const value = rawValue ?? record.value()
    try {
      this.context.collector.append<unknown, unknown>(
        this.#to,
        this.#partition(record),
        record.timestampMs,
        key,
        rawKey === undefined ? keySerde : byteSlice,
        value,
        rawValue === undefined ? valueSerde : byteSlice,
        record.headers,
      )
    } catch (cause) {
      this.context.errors.production(cause, this.name)
    }
  }

  /** -1: by the key's bytes. A windowed key goes where its key without the window goes. */
  #partition(record: CurrentRecord): number {
    const { partitioner, keySerde } = this.#node
    const { topic, partitions } = this.#to
    if (partitioner !== undefined) return partitioner(topic, record.key(), record.value(), partitions)
    if (!this.#windowedKeys || !record.hasKey) return -1
    const raw = record.rawKey(keySerde)
    if (raw !== undefined) return keyPartitioner(topic, raw.bytes.subarray(raw.from, raw.to - 8), partitions)
    scratch.reset()
    keySerde.write(record.key(), scratch)
    return keyPartitioner(topic, scratch.view().subarray(0, -8), partitions)
  }
}

const scratch = new ByteWriter(256)
