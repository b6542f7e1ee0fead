import { once } from 'node:events'
import type { Consumer } from '@millrace/client'
import { codeOf, configError, type Offset, offsetAfter, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import { type ClusterChoice, openCluster } from './cluster-choice.ts'
import { interruption } from './interruption.ts'
import { noSuchTopic } from './topics-command.ts'

export interface ConsumeOptions extends ClusterChoice {
  readonly fromBeginning?: boolean | undefined
  readonly group?: string | undefined
  readonly max?: number | undefined
  readonly untilEnd?: boolean | undefined
  readonly format: 'value' | 'json'
  readonly keySeparator?: string | undefined
}

/** Prints records until Ctrl-C, `--max` or the end it was told to stop at. A group commits what has been printed. */
export async function consume(topic: string, options: ConsumeOptions): Promise<void> {
  if (options.untilEnd === true && options.group !== undefined) {
    throw configError('--until-end', 'cannot be used with', `--group ${options.group}`, 'Leave one of them out.')
  }
  const { signal } = interruption()
  const cluster = await openCluster(options)
  try {
    const admin = cluster.client.admin()
    const [description] = await admin.describeTopics([topic])
    if (description === undefined) throw noSuchTopic(topic, await admin.listTopics())
    const partitions = description.partitions.map(({ partition }) => ({ topic, partition }))
    const consumer = cluster.client.consumer({
      groupId: options.group,
      autoOffsetReset: options.fromBeginning === true ? 'earliest' : 'latest',
    })
    if (options.group === undefined) consumer.assign(partitions)
    else consumer.subscribe([topic])
    const ends = options.untilEnd === true ? await endsToReach(consumer, partitions, options) : undefined
    await new RecordPrinter(consumer, options, ends).run(signal)
    await consumer.close()
  } finally {
    await cluster.close()
  }
}

/** Where each partition that has something to print ends now. */
async function endsToReach(
  consumer: Consumer,
  partitions: readonly TopicPartition[],
  { fromBeginning = false }: ConsumeOptions,
): Promise<TopicPartitionMap<Offset>> {
  const reach = new TopicPartitionMap<Offset>()
  if (!fromBeginning) return reach
  const [starts, ends] = await Promise.all([consumer.beginningOffsets(partitions), consumer.endOffsets(partitions)])
  for (const [{ topic, partition }, end] of ends) {
    if (end > (starts.get(topic, partition) ?? 0)) reach.set(topic, partition, end)
  }
  return reach
}

class RecordPrinter {
  readonly #consumer: Consumer
  readonly #options: ConsumeOptions
  readonly #ends: TopicPartitionMap<Offset> | undefined
  readonly #cursor = new BatchCursor()
  /** After the last record printed. */
  readonly #next = new TopicPartitionMap<Offset>()
  #left: number

  constructor(consumer: Consumer, options: ConsumeOptions, ends: TopicPartitionMap<Offset> | undefined) {
    this.#consumer = consumer
    this.#options = options
    this.#ends = ends
    this.#left = options.max ?? Number.POSITIVE_INFINITY
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#left > 0 && !this.#atEnds()) {
      const batches = await this.#poll(signal)
      let text = ''
      for (const { topic, partition, batch, from, next } of batches) {
        this.#cursor.open(batch)
        while (this.#left > 0 && this.#cursor.next()) {
          if (this.#cursor.offset < from || this.#cursor.offset >= (this.#ends?.get(topic, partition) ?? Infinity))
            continue
          text += `${this.#line(topic, partition)}\n`
          this.#left--
          this.#next.set(topic, partition, offsetAfter(this.#cursor.offset, 1))
        }
        if (this.#left > 0) this.#next.set(topic, partition, next)
      }
      if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain')
      if (this.#options.group !== undefined && batches.length > 0) await this.#commit()
    }
  }

  async #poll(signal: AbortSignal): ReturnType<Consumer['poll']> {
    try {
      return await this.#consumer.poll({ timeoutMs: 500, signal })
    } catch (error) {
      if (signal.aborted && codeOf(error) === 'ABORTED') return []
      throw error
    }
  }

  /** The record under the cursor in the format asked for; bytes that are not UTF-8 show as replacement characters. */
  #line(topic: string, partition: number): string {
    const { bytes, keyFrom, keyTo, valueFrom, valueTo, offset, timestampMs } = this.#cursor
    const key = keyFrom < 0 ? null : bytes.utf8Slice(keyFrom, keyTo)
    const value = valueFrom < 0 ? null : bytes.utf8Slice(valueFrom, valueTo)
    const { format, keySeparator } = this.#options
    if (format === 'value')
      return keySeparator === undefined ? (value ?? '') : `${key ?? ''}${keySeparator}${value ?? ''}`
    const headers = decodeHeaders(bytes, this.#cursor.headersFrom, this.#cursor.headersTo).map((header) => ({
      key: header.key,
      value: header.value === null ? null : header.value.toString('utf8'),
    }))
    return JSON.stringify({ topic, partition, offset, timestamp: timestampMs, key, value, headers })
  }

  /** The bounds that were taken when it began are reached. */
  #atEnds(): boolean {
    if (this.#ends === undefined) return false
    for (const [{ topic, partition }, end] of this.#ends) {
      if ((this.#next.get(topic, partition) ?? -1) < end) return false
    }
    return true
  }

  async #commit(): Promise<void> {
    const offsets = new TopicPartitionMap<{ offset: Offset; leaderEpoch: number; metadata: string }>()
    for (const [{ topic, partition }, offset] of this.#next) {
      offsets.set(topic, partition, { offset, leaderEpoch: -1, metadata: '' })
    }
    await this.#consumer.commit(offsets)
  }
}
