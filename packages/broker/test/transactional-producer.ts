import { errorCodeOf, type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import { type BrokerBench, batchOf } from './broker-bench.ts'

/** A broker as far as a client sees it. */
export type Sender = Pick<BrokerBench, 'send'>

/** `mixed`: newer where it writes, older where it ends; a broker must not be surprised. */
export type ClientVersion = 1 | 2 | 'mixed'

const versions = {
  1: { init: 4, produce: 11, offsets: 4, end: 4, add: 3 },
  2: { init: 5, produce: 12, offsets: 5, end: 5, add: 3 },
  mixed: { init: 4, produce: 12, offsets: 5, end: 4, add: 3 },
} as const

/** A producer as a client of that transaction version behaves, one request at a time. */
export class TransactionalProducer {
  bench: Sender
  readonly transactionalId: string
  readonly version: ClientVersion
  producerId = -1
  epoch = -1
  #sequences = new TopicPartitionMap<number>()

  constructor(bench: Sender, transactionalId: string, version: ClientVersion) {
    this.bench = bench
    this.transactionalId = transactionalId
    this.version = version
  }

  static async start(bench: Sender, transactionalId: string, version: ClientVersion = 2, timeoutMs = 60_000) {
    const producer = new TransactionalProducer(bench, transactionalId, version)
    const code = await producer.init(timeoutMs)
    if (code !== 'NONE') throw new Error(`${transactionalId}: ${code}`)
    return producer
  }

  /** @param goesOn as itself, under a higher epoch (KIP-360) */
  async init(timeoutMs = 60_000, goesOn = false): Promise<KafkaErrorCode> {
    const own = goesOn ? { producerId: this.producerId, producerEpoch: this.epoch } : {}
    const request = { transactionalId: this.transactionalId, transactionTimeoutMs: timeoutMs, ...own }
    const answer = await this.bench.send('initProducerId', request, versions[this.version].init)
    if (answer.errorCode === 0) this.become(answer.producerId, answer.producerEpoch)
    return errorCodeOf(answer.errorCode)
  }

  async send(topic: string, partition: number, values: readonly string[]): Promise<KafkaErrorCode> {
    const added = this.version === 1 ? await this.add(topic, [partition]) : 'NONE'
    return added === 'NONE' ? await this.write(topic, partition, values) : added
  }

  async add(topic: string, partitions: readonly number[]): Promise<KafkaErrorCode> {
    const { transactionalId, producerId, epoch: producerEpoch } = this
    const topics = [{ name: topic, partitions: [...partitions] }]
    const transactions = [{ transactionalId, producerId, producerEpoch, topics }]
    const { resultsByTransaction } = await this.bench.send('addPartitionsToTxn', { transactions }, versions[1].add)
    return errorCodeOf(resultsByTransaction[0]?.topicResults[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1)
  }

  /** Produce alone: without the request that a client of version 1 sends before. */
  async write(topic: string, partition: number, values: readonly string[]): Promise<KafkaErrorCode> {
    const baseSequence = this.#sequences.get(topic, partition) ?? 0
    const { producerId, epoch: producerEpoch, transactionalId } = this
    const records = batchOf(values, { producerId, producerEpoch, baseSequence, transactional: true })
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
    const request = { acks: -1, timeoutMs: 1000, transactionalId, topicData }
    const { responses } = await this.bench.send('produce', request, versions[this.version].produce)
    const code = errorCodeOf(responses[0]?.partitionResponses[0]?.errorCode ?? -1)
    if (code === 'NONE') this.#sequences.set(topic, partition, baseSequence + values.length)
    return code
  }

  async commitOffset(
    groupId: string,
    topic: string,
    committedOffset: number,
    claim: { readonly memberId?: string; readonly generationId?: number } = {},
  ): Promise<KafkaErrorCode> {
    const { transactionalId, producerId, epoch: producerEpoch } = this
    if (this.version === 1) {
      const { errorCode } = await this.bench.send('addOffsetsToTxn', {
        transactionalId,
        producerId,
        producerEpoch,
        groupId,
      })
      if (errorCode !== 0) return errorCodeOf(errorCode)
    }
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: 'in it' }] }]
    const request = { transactionalId, groupId, producerId, producerEpoch, topics, ...claim }
    const answer = await this.bench.send('txnOffsetCommit', request, versions[this.version].offsets)
    return errorCodeOf(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
  }

  async end(commit: boolean): Promise<KafkaErrorCode> {
    const { transactionalId, producerId, epoch: producerEpoch } = this
    const request = { transactionalId, producerId, producerEpoch, committed: commit }
    const answer = await this.bench.send('endTxn', request, versions[this.version].end)
    if (answer.errorCode === 0 && this.version === 2) this.become(answer.producerId, answer.producerEpoch)
    return errorCodeOf(answer.errorCode)
  }

  become(producerId: number, epoch: number): void {
    if (producerId === this.producerId && epoch === this.epoch) return
    this.producerId = producerId
    this.epoch = epoch
    this.#sequences = new TopicPartitionMap()
  }
}
