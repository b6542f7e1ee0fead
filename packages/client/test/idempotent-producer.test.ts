import type { Producer, ProducerOptions } from '@millrace/client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScriptedCluster } from './transaction/scripted-cluster.ts'

let cluster: ScriptedCluster
beforeEach(() => {
  cluster = new ScriptedCluster()
})
afterEach(() => cluster.stop())

async function ready(options: ProducerOptions = {}): Promise<Producer> {
  const producer = cluster.client().producer(options)
  await cluster.settled(producer.open('out'))
  return producer
}

const codeOf = (error: unknown) => String((error as { code?: unknown }).code)

/** How one record fares. */
function send(producer: Producer, partition: number): Promise<string> {
  return producer.send({ topic: 'out', partition, value: 'v' }).then(() => 'ok', codeOf)
}

describe('a batch whose answer was lost', () => {
  /** Another partition's batch is given up, for which the producer has to become somebody else. */
  async function renewedAfter(first: 'lost', second: 'NOT_ENOUGH_REPLICAS' | 'NOT_LEADER_OR_FOLLOWER') {
    const producer = await ready()
    await cluster.settled(Promise.all([send(producer, 0), send(producer, 1)]))
    cluster.story()
    cluster.fate('produce', first)
    const sent = [send(producer, 0)]
    await cluster.until('produce')
    cluster.fateOf(0, second)
    cluster.fateOf(1, 'INVALID_RECORD')
    sent.push(send(producer, 1))
    expect(await cluster.settled(Promise.all(sent))).toEqual(['ok', 'INVALID_RECORD'])
    return cluster.story()
  }

  it.each(['NOT_ENOUGH_REPLICAS', 'NOT_LEADER_OR_FOLLOWER'] as const)(
    'keeps its sequence until it is told of, though a retry meets %s',
    async (code) => {
      const story = await renewedAfter('lost', code)
      expect(story.filter((word) => word.includes('0:')).map((word) => /0:\d+\/\d+/.exec(word)?.[0])).toEqual(
        story.filter((word) => word.includes('0:')).map(() => '0:0/1'),
      )
    },
  )
})

describe('a partition whose sequences were given up', () => {
  /** The words of produce requests that mention the partition. */
  const of = (partition: number) => cluster.story().filter((word) => word.includes(` ${partition}:`))

  it('becomes somebody else by itself: a batch in doubt elsewhere holds it up no longer', async () => {
    const producer = await ready({ deliveryTimeoutMs: 5_000 })
    await cluster.settled(Promise.all([send(producer, 0), send(producer, 1), send(producer, 2)]))
    cluster.fateOf(0, ...Array.from({ length: 1_000 }, () => 'REQUEST_TIMED_OUT' as const))
    let inDoubt = true
    const doubtful = send(producer, 0).finally(() => {
      inDoubt = false
    })
    cluster.fateOf(1, 'INVALID_RECORD')
    expect(await cluster.settled(send(producer, 1))).toBe('INVALID_RECORD')
    cluster.story()
    expect(await cluster.settled(Promise.all([send(producer, 1), send(producer, 1)]))).toEqual(['ok', 'ok'])
    expect(inDoubt).toBe(true)
    expect(of(1)).toEqual([expect.stringContaining(' 1:1/0')])
    expect(await cluster.settled(send(producer, 2))).toBe('ok')
    expect(of(2)).toEqual([expect.stringContaining(' 2:0/1')])
    expect(await cluster.settled(doubtful)).toBe('REQUEST_TIMED_OUT')
  })

  it('takes an identity that is newer than its own without asking for another', async () => {
    const producer = await ready()
    await cluster.settled(Promise.all([send(producer, 0), send(producer, 1)]))
    for (const partition of [0, 1]) {
      cluster.fateOf(partition, 'INVALID_RECORD')
      expect(await cluster.settled(send(producer, partition))).toBe('INVALID_RECORD')
      expect(await cluster.settled(send(producer, partition))).toBe('ok')
    }
    const story = cluster.story()
    expect(story.filter((word) => word === 'init')).toHaveLength(2)
    expect(story.at(-1)).toBe('produce 1:1/0 plain')
  })

  it('keeps what is in doubt under its identity, and gives what waits behind it another', async () => {
    const producer = await ready({ maxInFlight: 1 })
    await cluster.settled(Promise.all([send(producer, 0), send(producer, 1)]))
    cluster.fateOf(1, 'INVALID_RECORD')
    expect(await cluster.settled(send(producer, 1))).toBe('INVALID_RECORD')
    cluster.fateOf(1, 'REQUEST_TIMED_OUT', 'UNKNOWN_PRODUCER_ID')
    expect(await cluster.settled(send(producer, 1))).toBe('ok')
    const sequences = cluster.story().flatMap((word) => /1:\d+\/\d+/.exec(word)?.[0] ?? [])
    expect(sequences).toEqual(['1:0/0', '1:0/1', '1:1/0', '1:1/0', '1:2/0'])
  })
})

describe('a record that cannot be sent', () => {
  it('fails in time while no producer id is to be had', async () => {
    const producer = await ready({ deliveryTimeoutMs: 1_000 })
    cluster.fate('initProducerId', ...Array.from({ length: 500 }, () => 'COORDINATOR_LOAD_IN_PROGRESS' as const))
    expect(await cluster.settled(send(producer, 0))).toBe('REQUEST_TIMED_OUT')
    expect(cluster.clock.monotonicMs()).toBeLessThan(3_000)
  })

  it('fails in time while its partition cannot be added to the transaction', async () => {
    cluster.transactionVersion = 1
    const producer = await ready({ transactionalId: 'x', deliveryTimeoutMs: 1_000 })
    await cluster.settled(producer.initTransactions())
    cluster.fate('addPartitionsToTxn', ...Array.from({ length: 500 }, () => 'COORDINATOR_LOAD_IN_PROGRESS' as const))
    producer.beginTransaction()
    expect(await cluster.settled(send(producer, 0))).toBe('REQUEST_TIMED_OUT')
    await cluster.settled(producer.abortTransaction())
  })
})

describe('a producer that is given up while an answer is on its way', () => {
  it('settles a record once: the answer finds nobody who waits for it', async () => {
    const producer = await ready()
    cluster.fate('produce', 'held')
    const sent = send(producer, 0)
    await cluster.until('produce')
    const fenced = send(producer, 1)
    cluster.fateOf(1, 'PRODUCER_FENCED')
    expect(await cluster.settled(fenced)).toBe('PRODUCER_FENCED')
    expect(await cluster.settled(sent)).toBe('PRODUCER_FENCED')
    const rejected: unknown[] = []
    const listen = (error: unknown) => void rejected.push(error)
    process.on('unhandledRejection', listen)
    cluster.answer()
    for (let i = 0; i < 5; i++) await cluster.clock.advance(1)
    process.off('unhandledRejection', listen)
    expect(rejected).toEqual([])
  })
})
