import type { Consumer, Producer } from '@millrace/client'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClusterUnderTest, type ReadRecord, recordsOf, transports } from './cluster-under-test.ts'

/** One step of one of three transactional ids. */
type Step =
  | { readonly kind: 'write'; readonly slot: number; readonly partition: number; readonly records: number }
  | { readonly kind: 'flush' | 'commit' | 'abort'; readonly slot: number }
  /** Another producer takes the id over, while the old one may have a transaction open. */
  | { readonly kind: 'take over'; readonly slot: number }
  /** Readers read what there is. */
  | { readonly kind: 'read' }
  /** The engine is stopped and started again, where its clients can find it again. */
  | { readonly kind: 'restart' }

const slot = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      slot,
      partition: fc.nat(1),
      records: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'commit' as const, 'abort'), slot }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take over' as const), slot }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'read' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

interface Sent {
  readonly partition: number
  readonly value: string
  readonly offset: number
}

/** A transactional id as the model sees it: who writes under it, and what its open transaction holds. */
class Slot {
  producer: Producer
  isOpen = false
  sending: Promise<Sent>[] = []

  constructor(producer: Producer) {
    this.producer = producer
  }
}

const partitions = [0, 1]
let topics = 0

/** Runs one history; what a reader of committed records saw of each partition, and what it should have seen. */
class History {
  readonly topic = `t${topics++}`
  readonly seen: string[][] = [[], []]
  readonly #cluster: ClusterUnderTest
  readonly #slots: Slot[] = []
  readonly #committed: Sent[] = []
  readonly #zombies: Promise<unknown>[] = []
  #reader: Consumer | undefined
  #written = 0

  constructor(cluster: ClusterUnderTest) {
    this.#cluster = cluster
  }

  async run(steps: readonly Step[]): Promise<void> {
    const configs = { 'segment.bytes': '2000' }
    const client = this.#cluster.client()
    await client.admin().createTopics([{ name: this.topic, partitions: 2, configs }])
    this.#reader = client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed', fetchWaitMs: 5 })
    this.#reader.assign(this.#both())
    for (const i of [0, 1, 2]) this.#slots.push(new Slot(await this.#producer(i)))
    for (const next of steps) await this.#step(next)
    for (const [i, open] of this.#slots.entries()) await this.#end(open, i === 0 ? 'abort' : 'commit')
    expect(await Promise.all(this.#zombies)).toEqual(this.#zombies.map(() => 'refused'))
    await this.#readToEnd()
    await client.close()
  }

  /** Committed records in the order of their offsets. */
  expected(): string[][] {
    const inOrder = [...this.#committed].sort((a, b) => a.offset - b.offset)
    return partitions.map((wanted) => inOrder.filter(({ partition }) => partition === wanted).map(({ value }) => value))
  }

  async #step(next: Step): Promise<void> {
    switch (next.kind) {
      case 'write':
        this.#write(this.#slots[next.slot]!, next.partition, next.records)
        return
      case 'flush':
        await this.#slots[next.slot]!.producer.flush()
        return
      case 'commit':
      case 'abort':
        await this.#end(this.#slots[next.slot]!, next.kind)
        return
      case 'take over':
        await this.#takeOver(next.slot)
        return
      case 'read':
        this.#keep(recordsOf(await this.#reader!.poll({ timeoutMs: 5 })))
        return
      case 'restart':
        if (this.#cluster.transport !== 'tcp') return // a link ends with its engine; a port is there again
        await this.#cluster.engine.close()
        await this.#cluster.startEngine()
    }
  }

  #write(to: Slot, partition: number, records: number): void {
    if (!to.isOpen) to.producer.beginTransaction()
    to.isOpen = true
    for (let i = 0; i < records; i++) {
      const value = `${this.#written++}`.padEnd(30)
      const sent = to.producer
        .send({ topic: this.topic, partition, value })
        .then(({ offset }) => ({ partition, value, offset }))
      sent.catch(() => undefined) // aborted, which is what becomes of most
      to.sending.push(sent)
    }
  }

  async #end(to: Slot, how: 'commit' | 'abort'): Promise<void> {
    if (!to.isOpen) return
    to.isOpen = false
    const sending = to.sending.splice(0)
    if (how === 'commit') {
      await to.producer.commitTransaction()
      this.#committed.push(...(await Promise.all(sending)))
    } else await to.producer.abortTransaction()
  }

  /** What the old producer had open is aborted, and nothing it still tries is done. */
  async #takeOver(i: number): Promise<void> {
    const old = this.#slots[i]!
    // Where nothing has reached the engine, an empty transaction may still be committed: there is nothing in it.
    if (old.isOpen) await old.producer.flush()
    this.#slots[i] = new Slot(await this.#producer(i))
    if (!old.isOpen) return
    const late = old.producer.send({ topic: this.topic, partition: 0, value: 'late' })
    const commit = late.catch(() => undefined).then(() => old.producer.commitTransaction())
    this.#zombies.push(
      commit.then(
        () => 'committed',
        () => 'refused',
      ),
    )
  }

  async #producer(i: number): Promise<Producer> {
    const producer = this.#cluster.client().producer({ transactionalId: `${this.topic}-${i}`, batchBytes: 200 })
    await producer.initTransactions()
    return producer
  }

  async #readToEnd(): Promise<void> {
    const reader = this.#reader!
    const ends = await this.#cluster.client().consumer().endOffsets(this.#both())
    const isBehind = () =>
      this.#both().some((at) => (reader.position(at) ?? 0) < (ends.get(at.topic, at.partition) ?? 0))
    while (isBehind()) this.#keep(recordsOf(await reader.poll({ timeoutMs: 100 })))
  }

  #keep(records: readonly ReadRecord[]): void {
    for (const { partition, value } of records) this.seen[partition]!.push(value!)
  }

  #both() {
    return partitions.map((partition) => ({ topic: this.topic, partition }))
  }
}

const cases = transports.flatMap((transport) => [2, 1].map((version) => ({ transport, version })))

describe.each(cases)('histories of transactions over $transport, version $version', ({ transport, version }) => {
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    const settings = { 'transaction.version': version }
    cluster = await ClusterUnderTest.start(transport, { settings, log: { syncAcksAll: false } })
  })
  afterAll(() => cluster.stop())

  it('show a reader of committed records those and no others, in order, once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const history = new History(cluster)
        await history.run(steps)
        expect(history.seen).toEqual(history.expected())
      }),
      { numRuns: transport === 'tcp' ? 6 : 10 },
    )
  })
})
