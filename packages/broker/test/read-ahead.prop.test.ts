import { errorCodeOf } from '@millrace/kernel'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AheadReader, count, endOf, fetchNow, heldBytes } from './ahead-reader.ts'
import { BrokerBench, batchOf } from './broker-bench.ts'
import { TransactionalProducer } from './transactional-producer.ts'

const partitions = [0, 1]
const small = { 'segment.bytes': '2000', 'file.delete.delay.ms': '1000' }
const topics = {
  plain: { ...small, 'retention.bytes': '12000' },
  compact: { ...small, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' },
} as const
const names = ['plain', 'compact'] as const

const topic = fc.constantFrom(...names)
const partition = fc.constantFrom(...partitions)
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ does: fc.constant('read' as const), turns: fc.nat(4), isSent: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('append' as const), topic, partition, batches: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('transaction' as const), partition, ends: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('delete-records' as const), partition, percent: fc.nat(100) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('time' as const), ms: fc.constantFrom(100, 600, 1000, 15_000, 60_000) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('seek' as const), topic, partition, to: fc.nat(60) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('ask' as const),
      most: fc.constantFrom(0, 300, 700, 2500),
      answer: fc.constantFrom(500, 3000, 10_000),
      isolationLevel: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('recreate' as const), topic }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('reconnect' as const) }) },
)
type Step = ReturnType<typeof step.generate>['value']

/** One reader goes through two topics while everything happens to them. */
class World {
  readonly bench: BrokerBench
  readonly #producer: TransactionalProducer
  #reader = new AheadReader()
  #positions = new Map<string, number>()
  #most = 700
  #answer = 3000
  #isolationLevel = 0
  #written = 0

  private constructor(bench: BrokerBench, producer: TransactionalProducer) {
    this.bench = bench
    this.#producer = producer
  }

  static async start(): Promise<World> {
    const bench = await BrokerBench.start({ 'transaction.state.log.num.partitions': 1 })
    for (const name of names) await bench.createTopic(name, partitions.length, topics[name])
    const world = new World(bench, await TransactionalProducer.start(bench, 'writer', 2, 900_000))
    for (const name of names) for (const each of partitions) await world.#append(name, each, 20)
    return world
  }

  async take(it: Step): Promise<void> {
    switch (it.does) {
      case 'read':
        return await this.#read(it.isSent, it.turns)
      case 'append':
        return await this.#append(it.topic, it.partition, it.batches)
      case 'transaction':
        return await this.#transact(it.partition, it.ends)
      case 'delete-records':
        return await this.#deleteRecords(it.partition, it.percent)
      case 'time':
        return await this.bench.clock.advance(it.ms)
      case 'seek':
        return void this.#positions.set(`${it.topic}-${it.partition}`, it.to)
      case 'ask':
        this.#most = it.most
        this.#answer = it.answer
        this.#isolationLevel = it.isolationLevel
        return
      case 'recreate':
        return await this.#recreate(it.topic)
      default:
        this.close()
        this.#reader = new AheadReader()
    }
  }

  /** Nobody holds anything that nobody will use. */
  close(): void {
    this.#reader.close()
    expect(heldBytes(this.bench)).toBe(0)
    expect(this.#reader.pool.lentBytes).toBe(0)
  }

  /** The answer is, to the byte, the one that is read this very moment. */
  async #read(isSent: boolean, turns: number): Promise<void> {
    for (let i = 0; i < turns; i++) await this.bench.clock.turn()
    const request = {
      maxBytes: this.#answer,
      isolationLevel: this.#isolationLevel,
      topics: names.map((name) => ({
        topic: name,
        partitions: partitions.map((each) => ({
          partition: each,
          fetchOffset: this.#positions.get(`${name}-${each}`) ?? 0,
          partitionMaxBytes: this.#most,
        })),
      })),
    }
    const [given, now] = await Promise.all([this.#reader.fetch(this.bench, request), fetchNow(this.bench, request)])
    expect(given).toEqual(now)
    for (const { topic: name, partitions: rows } of given.responses) {
      for (const { partitionIndex, errorCode, records } of rows) {
        const at = `${name}-${partitionIndex}`
        const end = endOf(records)
        if (end !== undefined) this.#positions.set(at, end)
        const isLost = errorCodeOf(errorCode) === 'OFFSET_OUT_OF_RANGE'
        if (isLost) this.#positions.set(at, this.bench.directory.partition(name, partitionIndex)?.logStart ?? 0)
      }
    }
    if (isSent) this.#reader.sent()
  }

  async #append(name: (typeof names)[number], index: number, batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) {
      const value = `${this.#written}:${'x'.repeat((this.#written * 37) % 150)}`
      const key = name === 'compact' ? `k${this.#written % 7}` : null
      const answer = await this.bench.produce(name, batchOf([value, value], { key, atMs: this.bench.clock.nowMs() }), {
        index,
      })
      expect(answer.errorCode).toBe(0)
      this.#written++
    }
  }

  async #recreate(name: (typeof names)[number]): Promise<void> {
    await this.#producer.end(false) // nothing of it may stand in the topic that goes
    await this.bench.send('deleteTopics', { topics: [{ name }] })
    await this.bench.createTopic(name, partitions.length, topics[name])
    expect(await this.#producer.init(900_000)).toBe('NONE')
    await this.#append(name, 0, 8)
  }

  /** @param ends 0: it stays open; 1: it is taken back; 2: it is committed */
  async #transact(index: number, ends: number): Promise<void> {
    expect(await this.#producer.send('plain', index, [`in ${this.#written++}`])).toBe('NONE')
    if (ends > 0) expect(await this.#producer.end(ends === 2)).toBe('NONE')
  }

  async #deleteRecords(partitionIndex: number, percent: number): Promise<void> {
    const log = this.bench.directory.partition('plain', partitionIndex)
    const offset = Math.floor(((log?.highWatermark ?? 0) * percent) / 100)
    await this.bench.send('deleteRecords', { topics: [{ name: 'plain', partitions: [{ partitionIndex, offset }] }] })
  }
}

test('what was read ahead is answered where, to the byte, it is what would be read now; whatever happened', async () => {
  const seen = { used: 0, unused: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: 'max' }), async (steps) => {
      const world = await World.start()
      for (const each of steps) await world.take(each)
      world.close()
      seen.used += count(world.bench, 'used')
      seen.unused += count(world.bench, 'unused')
      await world.bench.broker.close()
      await world.bench.directory.close()
    }),
    { numRuns: Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 25) },
  )
  expect(seen.used).toBeGreaterThan(0)
  expect(seen.unused).toBeGreaterThan(0)
})
