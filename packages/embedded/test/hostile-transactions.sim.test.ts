import type { Producer } from '@millrace/client'
import { codeOf, type Offset, offset, TopicPartitionMap } from '@millrace/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'

const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 5)
const partitions = [0, 1]
const group = 'positions'
let topics = 0

/** One transaction, or what the network does. */
type Step =
  | {
      readonly kind: 'transaction'
      readonly records: number
      readonly end: 'commit' | 'abort'
      readonly flushes: boolean
    }
  | { readonly kind: 'cut' | 'replace' }
  | { readonly kind: 'refuse'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      records: fc.integer({ min: 0, max: 30 }),
      end: fc.constantFrom('commit' as const, 'commit' as const, 'abort' as const),
      flushes: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'replace' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), ms: fc.integer({ min: 1, max: 30 }) }) },
)

const history = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 25 }),
  seed: fc.integer(),
  hostility: fc.constantFrom(0.03, 0.1, 0.2),
  batchBytes: fc.integer({ min: 100, max: 400 }),
})

/** Writes by transactions, whatever comes, and knows what must be seen. */
class Writer {
  readonly topic: string
  /** Of each partition, in order. */
  readonly committed: number[][] = partitions.map(() => [])
  position = 0
  readonly trouble: string[] = []
  readonly #cluster: HostileCluster
  readonly #batchBytes: number
  #producer: Producer | undefined
  #written = 0

  constructor(cluster: HostileCluster, topic: string, batchBytes: number) {
    this.#cluster = cluster
    this.topic = topic
    this.#batchBytes = batchBytes
  }

  /** The one before goes on living, as a zombie. */
  async replace(): Promise<void> {
    const options = { transactionalId: this.topic, batchBytes: this.#batchBytes }
    this.#producer = this.#cluster.client().producer(options)
    await this.#producer.initTransactions()
  }

  async transaction(records: number, end: 'commit' | 'abort', flushes: boolean): Promise<void> {
    const producer = this.#producer!
    producer.beginTransaction()
    const written: number[][] = partitions.map(() => [])
    for (let i = 0; i < records; i++) {
      const value = this.#written++
      written[value % 2]!.push(value)
      producer.send({ topic: this.topic, partition: value % 2, value: `${value}` }).catch(() => undefined)
    }
    if (flushes) await producer.flush().catch((error) => this.#note('flush', error))
    const offsets = new TopicPartitionMap<{ offset: Offset; leaderEpoch: number; metadata: string }>()
    offsets.set(this.topic, 0, { offset: offset(this.#written), leaderEpoch: -1, metadata: '' })
    const outsider = { groupId: `${group}-${this.topic}`, generation: -1, memberId: '', groupInstanceId: null }
    try {
      await producer.sendOffsets(offsets, outsider)
      if (end === 'commit') {
        await producer.commitTransaction()
        for (const partition of partitions) this.committed[partition]!.push(...written[partition]!)
        this.position = this.#written
        return
      }
    } catch (error) {
      this.#note(end, error)
    }
    await producer.abortTransaction()
  }

  #note(what: string, error: unknown): void {
    this.trouble.push(`${what}: ${codeOf(error)} ${error instanceof Error ? error.message : ''}`)
  }
}

describe.each([2, 1])('transactions of version %i on a hostile network', (version) => {
  let cluster: HostileCluster
  beforeAll(async () => {
    cluster = await HostileCluster.start({ 'transaction.version': version })
    // A request of the first version that comes late is taken for the next transaction's: what KIP-890 mends.
    if (version === 1) cluster.network.fates = cluster.network.fates.filter((fate) => fate !== 'request late')
  })
  afterAll(() => cluster.stop())

  async function seen(topic: string): Promise<{ values: number[][]; position: number }> {
    const client = cluster.client()
    const consumer = client.consumer({
      groupId: `${group}-${topic}`,
      autoOffsetReset: 'earliest',
      isolation: 'read_committed',
    })
    const all = partitions.map((partition) => ({ topic, partition }))
    const position = (await consumer.committed([all[0]!])).get(topic, 0)?.offset ?? 0
    const ends = await consumer.endOffsets(all)
    const values: number[][] = partitions.map(() => [])
    consumer.assign(all)
    for (const at of all) consumer.seek(at, offset(0))
    while (all.some((at) => (consumer.position(at) ?? 0) < ends.get(at.topic, at.partition)!)) {
      for (const { partition, value } of recordsOf(await consumer.poll())) values[partition]!.push(Number(value))
    }
    await client.close()
    return { values, position }
  }

  it('are seen whole or not at all, in order, with the positions that belong to them', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ steps, seed, hostility, batchBytes }) => {
        const { network } = cluster
        network.hostility = 0
        network.seed(seed)
        const topic = `t${topics++}-${process.pid}`
        await cluster
          .client()
          .admin()
          .createTopics([{ name: topic, partitions: partitions.length }])
        const writer = new Writer(cluster, topic, batchBytes)
        await writer.replace()
        network.hostility = hostility
        for (const one of steps) {
          if (one.kind === 'transaction') await writer.transaction(one.records, one.end, one.flushes)
          else if (one.kind === 'refuse') network.refuse(one.ms)
          else if (one.kind === 'cut') network.cut()
          else await writer.replace()
        }
        network.refusing = false
        network.hostility = 0
        network.cut()
        await writer.transaction(1, 'commit', false)
        expect(await seen(topic)).toEqual({ values: writer.committed, position: writer.position })
      }),
      { numRuns: runs, timeout: 30_000, endOnFailure: true },
    )
  })
})
