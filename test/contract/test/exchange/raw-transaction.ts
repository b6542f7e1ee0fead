import { batchOf } from './batches.ts'
import type { Session } from './session.ts'

/** What a producer speaks: version 1 names its partitions first, version 2 just writes (KIP-890). */
export const dialects = {
  1: { produce: 11, addPartitions: 3, end: 4, commitOffsets: 4 },
  2: { produce: 12, addPartitions: 3, end: 5, commitOffsets: 5 },
} as const

export type TransactionVersion = keyof typeof dialects

/** A transactional producer, request by request. */
export class RawTransaction {
  readonly session: Session
  readonly transactionalId: string
  readonly version: TransactionVersion
  producerId = -1
  producerEpoch = -1
  readonly #sequences = new Map<string, number>()

  constructor(session: Session, transactionalId: string, version: TransactionVersion) {
    this.session = session
    this.transactionalId = transactionalId
    this.version = version
  }

  get identity(): { transactionalId: string; producerId: number; producerEpoch: number } {
    const { transactionalId, producerId, producerEpoch } = this
    return { transactionalId, producerId, producerEpoch }
  }

  async init(step = '', more: object = {}, apiVersion = 4): Promise<void> {
    const request = { transactionalId: this.transactionalId, transactionTimeoutMs: 60_000, ...more }
    const answer = await this.session.ask(step, 'initProducerId', apiVersion, request, { quiet: step === '' })
    if (answer === 'closed' || answer.errorCode !== 0) return
    this.producerId = answer.producerId
    this.#renewed(answer.producerEpoch)
  }

  async add(step: string, topic: string, partition = 0, more: object = {}): Promise<void> {
    const topics = [{ name: topic, partitions: [partition] }]
    const request = { transactions: [{ ...this.identity, topics, ...more }] }
    const version = dialects[this.version].addPartitions
    await this.session.ask(step, 'addPartitionsToTxn', version, request, { quiet: step === '' })
  }

  /** One record; under version 1 after naming the partition. */
  async write(step: string, topic: string, value: string, more: object = {}): Promise<void> {
    if (this.version === 1) await this.add('', topic)
    await this.produce(step, topic, value, more)
  }

  async produce(step: string, topic: string, value: string, more: object = {}): Promise<void> {
    const baseSequence = this.#sequences.get(topic) ?? 0
    const { producerId, producerEpoch } = this
    const identity = { producerId, producerEpoch, baseSequence, transactional: true, ...more }
    const records = batchOf([{ key: value, value, timestampMs: this.session.time() }], identity)
    const request = {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
    }
    const version = dialects[this.version].produce
    const answer = await this.session.ask(step, 'produce', version, request, { quiet: step === '' })
    const code = answer === 'closed' ? -1 : answer.responses[0]?.partitionResponses[0]?.errorCode
    if (code === 0) this.#sequences.set(topic, baseSequence + 1)
  }

  async end(step: string, committed: boolean, more: object = {}): Promise<void> {
    const request = { ...this.identity, committed, ...more }
    const answer = await this.session.ask(step, 'endTxn', dialects[this.version].end, request, { quiet: step === '' })
    if (answer === 'closed' || answer.errorCode !== 0 || answer.producerEpoch < 0) return
    this.producerId = answer.producerId
    this.#renewed(answer.producerEpoch)
  }

  #renewed(epoch: number): void {
    if (epoch === this.producerEpoch) return
    this.producerEpoch = epoch
    this.#sequences.clear()
  }
}
