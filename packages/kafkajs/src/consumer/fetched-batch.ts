import type { PolledBatch } from '@millrace/client'
import { offset as offsetOf } from '@millrace/kernel'
import { loadedClient } from '../client-module.ts'
import type { Batch, BatchPayload } from '../consumer.ts'
import type { RecordBatchEntry } from '../message.ts'
import { decodedMessage } from './decoded-message.ts'

/** Neighbouring batches of one partition as they were fetched, handed over as one of kafkajs's batches. */
export class FetchedBatch {
  readonly topic: string
  readonly partition: number
  readonly parts: readonly PolledBatch[]
  /** The end of the log at the broker. */
  readonly highWatermark: number

  constructor(topic: string, partition: number, parts: readonly PolledBatch[], highWatermark: number) {
    this.topic = topic
    this.partition = partition
    this.parts = parts
    this.highWatermark = highWatermark
  }

  /** Where the first record may lie. */
  get from(): number {
    return this.parts[0]!.from
  }

  /** The offset after the last, gaps and markers included. */
  get next(): number {
    return this.parts.at(-1)!.next
  }

  /** The parts from an offset on: what is left of it. */
  partsFrom(offset: number): PolledBatch[] {
    const left = this.parts.filter(({ next }) => next > offset)
    const first = left[0]
    if (first !== undefined && first.from < offset) left[0] = { ...first, from: offsetOf(offset) }
    return left
  }

  /** All messages at once. */
  decoded(): DecodedBatch {
    const messages: RecordBatchEntry[] = []
    const cursor = new (loadedClient().BatchCursor)()
    for (const { batch, from } of this.parts) {
      cursor.open(batch)
      while (cursor.next()) if (cursor.offset >= from) messages.push(decodedMessage(cursor))
    }
    return new DecodedBatch(this, messages)
  }

  /** For the events of a batch; costs a look at its first records. */
  payload(): BatchPayload {
    const { first, skipped } = this.#first()
    let batchSize = -skipped
    const { recordCount } = loadedClient()
    for (const { batch } of this.parts) batchSize += recordCount(batch)
    return {
      topic: this.topic,
      partition: this.partition,
      highWatermark: `${this.highWatermark}`,
      offsetLag: `${Math.max(0, this.highWatermark - this.next)}`,
      offsetLagLow: `${Math.max(0, this.highWatermark - 1 - first)}`,
      batchSize,
      firstOffset: `${first}`,
      lastOffset: `${this.next - 1}`,
    }
  }

  #first(): { readonly first: number; readonly skipped: number } {
    const cursor = new (loadedClient().BatchCursor)().open(this.parts[0]!.batch)
    let skipped = 0
    while (cursor.next()) {
      if (cursor.offset >= this.from) return { first: cursor.offset, skipped }
      skipped++
    }
    return { first: this.next - 1, skipped }
  }
}

/** What `eachBatch` is given. */
export class DecodedBatch implements Batch {
  readonly topic: string
  readonly partition: number
  readonly highWatermark: string
  readonly messages: RecordBatchEntry[]
  readonly #of: FetchedBatch

  constructor(of: FetchedBatch, messages: RecordBatchEntry[]) {
    this.#of = of
    this.topic = of.topic
    this.partition = of.partition
    this.highWatermark = `${of.highWatermark}`
    this.messages = messages
  }

  isEmpty(): boolean {
    return this.messages.length === 0
  }

  firstOffset(): string | null {
    return this.messages[0]?.offset ?? null
  }

  lastOffset(): string {
    return `${this.#of.next - 1}`
  }

  offsetLag(): string {
    return `${Math.max(0, this.#of.highWatermark - this.#of.next)}`
  }

  offsetLagLow(): string {
    const first = this.messages[0]
    return first === undefined ? '0' : `${Math.max(0, this.#of.highWatermark - 1 - Number(first.offset))}`
  }
}
