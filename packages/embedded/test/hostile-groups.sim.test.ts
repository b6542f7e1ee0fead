import { setTimeout as later } from 'node:timers/promises'
import { type Consumer, cooperativeStickyAssignor, type Producer } from '@millrace/client'
import { codeOf, type Offset, offset, TopicPartitionMap } from '@millrace/kernel'
import { utf8Out } from '@millrace/record/internal'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ReadRecord, recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'

const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 3)
const partitions = [0, 1, 2, 3]
const records = 400
let topics = 0

type Step =
  | { readonly kind: 'join' | 'cut' }
  /** A member closes its consumer; or stands still in the middle of its work for longer than it may; or goes on. */
  | { readonly kind: 'leave' | 'freeze' | 'thaw'; readonly member: number }
  | { readonly kind: 'refuse' | 'pause'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('join' as const, 'cut' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('leave' as const, 'freeze' as const, 'thaw' as const),
      member: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('pause' as const, 'pause' as const, 'refuse' as const),
      ms: fc.integer({ min: 1, max: 120 }),
    }),
  },
)

const history = fc.record({
  steps: fc.array(step, { minLength: 3, maxLength: 14 }),
  seed: fc.integer(),
  hostility: fc.constantFrom(0.01, 0.05, 0.15),
  cooperative: fc.boolean(),
  transactions: fc.boolean(),
})
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

/** What a commit may be refused with when the partitions have gone, and what ends a transaction. */
const expected = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'TRANSACTION_ABORTABLE',
  'PRODUCER_FENCED',
])

/** Reads, does its work, and commits what it has done: by itself, or in a transaction with its output. */
class Worker {
  readonly consumer: Consumer
  readonly done: Promise<void>
  readonly #run: Run
  readonly #id: number
  #producer: Producer | undefined
  #running = true
  #gate: Promise<void> = Promise.resolve()
  #thaw: () => void = () => {}

  constructor(run: Run, id: number) {
    this.#run = run
    this.#id = id
    this.consumer = run.cluster.client().consumer({
      groupId: run.input,
      autoOffsetReset: 'earliest',
      ...(run.history.cooperative ? { assignors: [cooperativeStickyAssignor()] } : {}),
      heartbeatIntervalMs: 500,
      sessionTimeoutMs: 6_000,
      maxPollIntervalMs: 3_000,
      partitionFetchBytesMax: 1_000,
    })
    this.consumer.subscribe([run.input])
    this.done = this.#work()
  }

  freeze(): void {
    this.#thaw()
    this.#gate = new Promise((resolve) => {
      this.#thaw = resolve
    })
  }

  thaw(): void {
    this.#thaw()
  }

  async stop(): Promise<void> {
    this.#running = false
    this.thaw()
    await this.done
    await this.consumer.close()
    await this.#producer?.close().catch(() => undefined)
  }

  async #work(): Promise<void> {
    while (this.#running) {
      const batches = await this.consumer.poll({ timeoutMs: 200, bytesMax: 500 }).catch((error) => {
        this.#run.note('poll', error)
        return []
      })
      if (batches.length === 0) continue
      const next = new TopicPartitionMap<{ offset: Offset; leaderEpoch: number; metadata: string }>()
      for (const { topic, partition, next: position } of batches) {
        next.set(topic, partition, { offset: position, leaderEpoch: -1, metadata: '' })
      }
      try {
        if (this.#run.history.transactions) await this.#transform(recordsOf(batches), next)
        else await this.#process(recordsOf(batches), next)
      } catch (error) {
        this.#run.note('commit', error)
        await this.#back()
      }
    }
  }

  async #process(read: readonly ReadRecord[], next: Positions): Promise<void> {
    for (const { partition, offset: at } of read) this.#run.processed[partition]!.add(at)
    await this.#gate
    await this.consumer.commit(next)
    for (const [{ partition }, { offset: committed }] of next) this.#run.assertProcessed(partition, committed)
  }

  async #transform(read: readonly ReadRecord[], next: Positions): Promise<void> {
    const member = this.consumer.groupMetadata()!
    const producer = await this.#transactional()
    try {
      producer.beginTransaction()
      for (const { partition, value } of read) {
        producer.send({ topic: this.#run.output, partition, value: value! }).catch(() => undefined)
      }
      await this.#gate
      await producer.sendOffsets(next, member)
      await producer.commitTransaction()
    } catch (error) {
      await producer.abortTransaction().catch(async () => {
        this.#producer = undefined
        await producer.close().catch(() => undefined)
      })
      throw error
    }
  }

  async #transactional(): Promise<Producer> {
    if (this.#producer !== undefined) return this.#producer
    const transactionalId = `${this.#run.input}-${this.#id}`
    this.#producer = this.#run.cluster.client().producer({ transactionalId, transactionTimeoutMs: 2_000 })
    await this.#producer.initTransactions()
    return this.#producer
  }

  /** To what the group has committed. */
  async #back(): Promise<void> {
    for (;;) {
      const owned = this.consumer.assignment()
      try {
        const positions = await this.consumer.committed(owned)
        for (const at of owned) this.consumer.seek(at, positions.get(at.topic, at.partition)?.offset ?? offset(0))
        return
      } catch (error) {
        this.#run.note('committed', error)
      }
    }
  }
}

type Positions = TopicPartitionMap<{ offset: Offset; leaderEpoch: number; metadata: string }>

class Run {
  readonly cluster: HostileCluster
  readonly history: History
  readonly input = `in${topics++}-${process.pid}`
  readonly output = `${this.input}-out`
  /** Offsets that somebody has worked on. */
  readonly processed: Set<number>[] = partitions.map(() => new Set())
  readonly trouble: string[] = []
  readonly missed: string[] = []
  readonly #workers: Worker[] = []
  readonly #leaving: Promise<void>[] = []
  #joined = 0

  constructor(cluster: HostileCluster, given: History) {
    this.cluster = cluster
    this.history = given
  }

  note(what: string, error: unknown): void {
    if (what === 'commit' && expected.has(codeOf(error) ?? '')) return
    this.trouble.push(`${what}: ${codeOf(error)} ${error instanceof Error ? error.message : error}`)
  }

  assertProcessed(partition: number, to: number): void {
    for (let at = 0; at < to; at++) {
      if (!this.processed[partition]!.has(at)) this.missed.push(`${partition}: ${at} of ${to}`)
    }
  }

  async all(): Promise<void> {
    const { network } = this.cluster
    network.hostility = 0
    network.seed(this.history.seed)
    const client = this.cluster.client()
    await client.admin().createTopics([
      { name: this.input, partitions: partitions.length },
      { name: this.output, partitions: partitions.length },
    ])
    const producer = client.producer({ batchBytes: 200 })
    const handle = await producer.open(this.input)
    for (let i = 0; i < records; i++) producer.append(handle, i % 4, 0, null, utf8Out, `${i}`, utf8Out, null)
    await producer.flush()
    this.#join()
    this.#join()
    network.hostility = this.history.hostility
    for (const one of this.history.steps) await this.#step(one)
    network.hostility = 0
    for (const worker of this.#workers) worker.thaw()
    if (this.#workers.length === 0) this.#join()
    const consumer = client.consumer({ groupId: this.input })
    const all = partitions.map((partition) => ({ topic: this.input, partition }))
    for (;;) {
      const committed = await consumer.committed(all).catch(() => undefined)
      if (committed !== undefined && [...committed.values()].reduce((sum, each) => sum + each.offset, 0) === records)
        break
      await later(20)
    }
    await Promise.all([...this.#workers.map((worker) => worker.stop()), ...this.#leaving])
    await client.close()
  }

  #join(): void {
    if (this.#workers.length < 4) this.#workers.push(new Worker(this, this.#joined++))
  }

  async #step(one: Step): Promise<void> {
    const { network } = this.cluster
    switch (one.kind) {
      case 'join':
        this.#join()
        return
      case 'cut':
        network.cut()
        return
      case 'leave': {
        const [gone] = this.#workers.splice(one.member % Math.max(1, this.#workers.length), 1)
        if (gone !== undefined) this.#leaving.push(gone.stop())
        return
      }
      case 'freeze':
        this.#workers[one.member % Math.max(1, this.#workers.length)]?.freeze()
        return
      case 'thaw':
        this.#workers[one.member % Math.max(1, this.#workers.length)]?.thaw()
        return
      case 'refuse':
        network.refuse(one.ms)
        return
      case 'pause':
        await later(one.ms)
    }
  }
}

describe('groups on a hostile network', () => {
  let cluster: HostileCluster
  beforeAll(async () => {
    cluster = await HostileCluster.start({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 100 })
  })
  afterAll(() => cluster.stop())

  async function outputOf(topic: string): Promise<string[][]> {
    const client = cluster.client()
    const consumer = client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed' })
    const all = partitions.map((partition) => ({ topic, partition }))
    const ends = await consumer.endOffsets(all)
    const values: string[][] = partitions.map(() => [])
    consumer.assign(all)
    while (all.some((at) => (consumer.position(at) ?? 0) < ends.get(at.topic, at.partition)!)) {
      for (const { partition, value } of recordsOf(await consumer.poll())) values[partition]!.push(value!)
    }
    await client.close()
    return values
  }

  it('miss no record; in transactions each has its effect once', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const run = new Run(cluster, given)
        await run.all()
        expect(run.missed).toEqual([])
        expect(run.trouble).toEqual([])
        if (!given.transactions) return
        const wanted = partitions.map((partition) =>
          Array.from({ length: records }, (_, i) => i)
            .filter((i) => i % 4 === partition)
            .map(String),
        )
        expect(await outputOf(run.output)).toEqual(wanted)
      }),
      { numRuns: runs, timeout: 30_000, endOnFailure: true },
    )
  })
})
