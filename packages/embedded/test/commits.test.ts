import { createClient } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import type { ApiName, Transport } from '@millrace/protocol/internal'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClusterUnderTest } from './cluster-under-test.ts'
import { intercepted } from './intercepted-transport.ts'

/** A transport on which requests of one kind wait to be let through, each by itself. */
class Gate {
  readonly waiting: (() => void)[] = []
  #held: ApiName | undefined

  hold(api: ApiName | undefined): void {
    this.#held = api
  }

  around(inner: Transport): Transport {
    return intercepted(inner, async (api, send) => {
      if (api === this.#held) await new Promise<void>((resolve) => this.waiting.push(resolve))
      return send()
    })
  }
}

function position(at: number) {
  const map = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
  map.set('orders', 0, { offset: offset(at), leaderEpoch: -1, metadata: '' })
  return map
}

describe('a commit', () => {
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    cluster = await ClusterUnderTest.start('loopback')
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 1 }])
  })
  afterAll(() => cluster.stop())

  it('of a membership that is over is refused, and the one of now goes on', async () => {
    const gate = new Gate()
    const client = createClient({ transport: gate.around(cluster.engine.loopback()), ports: cluster.ports })
    const consumer = client.consumer({ groupId: 'late', maxPollIntervalMs: 400, heartbeatIntervalMs: 20 })
    let lost = 0
    consumer.subscribe(['orders'], { onLost: () => void lost++ })
    const joined = async () => {
      while (consumer.assignment().length === 0) await consumer.poll({ timeoutMs: 20 })
      return consumer.groupMetadata()!
    }
    const before = await joined()
    gate.hold('offsetCommit')
    const late = consumer.commit(position(1)).catch((error: { code: string }) => error.code)
    while (gate.waiting.length === 0) await cluster.ports.clock.turn()
    gate.hold(undefined)
    while (consumer.groupMetadata() !== undefined) await cluster.ports.clock.sleep(10) // it polls too seldom
    await consumer.poll({ timeoutMs: 0 })
    const now = await joined()
    expect(now).not.toEqual(before)
    for (const letThrough of gate.waiting.splice(0)) letThrough()
    expect(await late).toBe('REBALANCE_IN_PROGRESS')
    await consumer.poll({ timeoutMs: 20 })
    expect(consumer.groupMetadata()).toEqual(now)
    expect(lost).toBe(1)
    await client.close()
  })
  it('beside the polls that comes late does not take back what is committed at the end', async () => {
    const gate = new Gate()
    const client = createClient({ transport: gate.around(cluster.engine.loopback()), ports: cluster.ports })
    const consumer = client.consumer({ groupId: 'auto', autoOffsetReset: 'earliest', autoCommitIntervalMs: 1 })
    const producer = client.producer()
    await producer.send({ topic: 'orders', value: 'first' })
    consumer.assign([{ topic: 'orders', partition: 0 }])
    gate.hold('offsetCommit')
    while (gate.waiting.length === 0) await consumer.poll({ timeoutMs: 5 })
    gate.hold(undefined)
    await producer.send({ topic: 'orders', value: 'second' })
    while ((consumer.position({ topic: 'orders', partition: 0 }) ?? 0) < 2) await consumer.poll({ timeoutMs: 5 })
    const closing = consumer.close()
    for (let turn = 0; turn < 50; turn++) await cluster.ports.clock.turn() // time for a commit to overtake
    for (const letThrough of gate.waiting.splice(0)) letThrough()
    await closing
    expect((await client.admin().groupOffsets('auto')).get('orders', 0)?.offset).toBe(2)
    await client.close()
  })
})
