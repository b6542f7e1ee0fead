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
