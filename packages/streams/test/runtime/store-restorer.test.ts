import type { PolledBatch } from '@millrace/client'
import { type Offset, offset, silentLog, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { BatchBuilder, bytesOut } from '@millrace/record/internal'
import { expect, test } from 'vitest'
import { type RestorerClient, type RestoringTask, StoreRestorer } from '../../src/runtime/store-restorer.ts'

/** Of each poll; what is in it is not looked at, what it weighs is. */
const builder = new BatchBuilder()
builder.append(0, null, bytesOut, new Uint8Array(1_000_000), bytesOut, null)
const batch = builder.build({})

/** A consumer over changelogs that are only counted: each poll gives one batch of each assigned partition. */
class CountedChangelogs {
  readonly seeks: string[] = []
  /** Offsets at the end of a transaction that is not ended here yet. */
  open = 0
  readonly #ends: ReadonlyMap<string, number>
  /** Offsets at the end that no reader gets to see. */
  readonly #hidden: number
  readonly #positions = new Map<string, number>()
  #assigned: readonly TopicPartition[] = []

  constructor(ends: Readonly<Record<string, number>>, hidden = 0) {
    this.#ends = new Map(Object.entries(ends))
    this.#hidden = hidden
  }

  get client(): RestorerClient {
    const consumer: ReturnType<RestorerClient['consumer']> = {
      assign: (partitions) => {
        this.#assigned = partitions
      },
      seek: ({ topic }, to) => {
        this.seeks.push(`${topic} ${to}`)
        this.#positions.set(topic, to)
      },
      position: ({ topic }) => offset(this.#positions.get(topic) ?? 0),
      poll: async () => this.#assigned.flatMap(({ topic }) => this.#next(topic)),
      endOffsets: async (partitions) => this.#all(partitions, (topic) => (this.#ends.get(topic) ?? 0) - this.open),
      beginningOffsets: async (partitions) => this.#all(partitions, () => 0),
      close: async () => {},
    }
    const admin: ReturnType<RestorerClient['admin']> = {
      listOffsets: async (partitions) => this.#all(partitions, (topic) => this.#ends.get(topic) ?? 0),
      close: async () => {},
    }
    return { consumer: () => consumer, admin: () => admin }
  }

  #next(topic: string): PolledBatch[] {
    const from = this.#positions.get(topic) ?? 0
    const end = this.#ends.get(topic) ?? 0
    const visible = end - this.#hidden - this.open
    if (from >= visible) {
      if (this.open === 0) this.#positions.set(topic, end)
      return []
    }
    const next = Math.min(visible, from + 100)
    this.#positions.set(topic, next)
    return [{ topic, partition: 0, batch, from: offset(from), next: offset(next), leaderEpoch: 0 }]
  }

  #all(partitions: readonly TopicPartition[], of: (topic: string) => number): TopicPartitionMap<Offset> {
    const found = new TopicPartitionMap<Offset>()
    for (const { topic, partition } of partitions) found.set(topic, partition, offset(of(topic)))
    return found
  }
}

class Restoring implements RestoringTask {
  readonly partition = 0
  readonly changelogs: ReadonlyMap<string, string>
  storedOffsets: Readonly<Record<string, number>>
  readonly id: string
  held = 0
  heldMax = 0
  records = 0

  constructor(id: string, stores: readonly string[], stored: Readonly<Record<string, number>> = {}) {
    this.id = id
    this.changelogs = new Map(stores.map((store) => [store, store]))
    this.storedOffsets = stored
  }

  async discardStores(): Promise<void> {
    this.storedOffsets = {}
  }

  restoreBatch(_store: string, { from, next, batch }: PolledBatch): number {
    this.held += batch.length
    this.heldMax = Math.max(this.heldMax, this.held)
    this.records += next - from
    return next - from
  }

  flushStores(offsets: Readonly<Record<string, number>>): void {
    this.held = 0
    this.storedOffsets = { ...this.storedOffsets, ...offsets }
  }
}

async function toTheEnd(restorer: StoreRestorer): Promise<RestoringTask[]> {
  const done: RestoringTask[] = []
  for (let step = 0; restorer.busy && step < 1_000; step++) done.push(...(await restorer.step(0)))
  return done
}

test('a changelog that is done leaves the others where they are: nothing that was fetched is thrown away', async () => {
  const logs = new CountedChangelogs({ small: 50, middle: 500, large: 5_000 })
  const restorer = new StoreRestorer(logs.client, silentLog)
  const [one, other] = [new Restoring('0_0', ['small', 'large']), new Restoring('1_0', ['middle'], { middle: 120 })]
  await restorer.add([one, other])
  expect(restorer.lag).toBe(50 + 5_000 + 380)
  expect(await toTheEnd(restorer)).toEqual([other, one])
  expect(logs.seeks.sort()).toEqual(['large 0', 'middle 120', 'small 0'])
  expect([one.records, other.records]).toEqual([5_050, 380])
  expect([one.storedOffsets, other.storedOffsets]).toEqual([{ small: 50, large: 5_000 }, { middle: 500 }])
  expect(restorer.restoredRecords).toBe(5_430)
  // What is held back is bounded, whatever the records weigh.
  expect(one.heldMax).toBeLessThanOrEqual(10 * batch.length)
})

test('an end that no reader sees is an end all the same', async () => {
  const restorer = new StoreRestorer(new CountedChangelogs({ log: 300 }, 2).client, silentLog)
  const task = new Restoring('0_0', ['log'])
  await restorer.add([task])
  expect(await toTheEnd(restorer)).toEqual([task])
  expect(task.storedOffsets).toEqual({ log: 300 })
})

test('a transaction that is not ended yet in the changelog is waited for', async () => {
  const logs = new CountedChangelogs({ log: 300 })
  logs.open = 50
  const restorer = new StoreRestorer(logs.client, silentLog)
  const task = new Restoring('0_0', ['log'])
  await restorer.add([task])
  for (let step = 0; step < 10; step++) expect(await restorer.step(0)).toEqual([])
  expect(task.records).toBe(250)
  logs.open = 0
  expect(await toTheEnd(restorer)).toEqual([task])
  expect(task.records).toBe(300)
})

test('a task removed in the middle is forgotten; a store ahead of its changelog begins anew', async () => {
  const logs = new CountedChangelogs({ a: 1_000, b: 400 })
  const restorer = new StoreRestorer(logs.client, silentLog)
  const [gone, ahead] = [new Restoring('0_0', ['a']), new Restoring('1_0', ['b'], { b: 500 })]
  await restorer.add([gone, ahead])
  await restorer.step(0)
  restorer.remove([gone])
  const before = gone.records
  expect(await toTheEnd(restorer)).toEqual([ahead])
  expect(gone.records).toBe(before)
  expect(ahead.records).toBe(400)
})
