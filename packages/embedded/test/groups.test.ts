import type { Consumer, RebalanceListener } from '@millrace/client'
import { offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { utf8Out } from '@millrace/record/internal'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf, transports } from './cluster-under-test.ts'

const name = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

/** A member that polls for as long as the test wants it to, and notes what happens to it. */
class Member {
  readonly consumer: Consumer
  readonly events: string[] = []
  readonly values: number[] = []
  #running = true
  readonly #done: Promise<void>

  constructor(consumer: Consumer, listener: RebalanceListener = {}, topics: readonly string[] = ['orders']) {
    this.consumer = consumer
    consumer.subscribe(topics, {
      onAssigned: async (partitions) => {
        this.events.push(`+${partitions.map(name).join(' ')}`)
        await listener.onAssigned?.(partitions)
      },
      onRevoked: async (partitions) => {
        this.events.push(`-${partitions.map(name).join(' ')}`)
        await listener.onRevoked?.(partitions)
      },
      onLost: async (partitions) => {
        this.events.push(`!${partitions.map(name).join(' ')}`)
        await listener.onLost?.(partitions)
      },
    })
    this.#done = this.#run()
  }

  get owned(): string[] {
    return this.consumer.assignment().map(name)
  }

  async #run(): Promise<void> {
    while (this.#running) {
      for (const { value } of recordsOf(await this.consumer.poll({ timeoutMs: 20 }))) this.values.push(Number(value))
    }
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async leave(): Promise<void> {
    await this.stop()
    await this.consumer.close()
  }
}

describe.each(transports)('groups over %s', (transport) => {
  let cluster: ClusterUnderTest
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport, { settings: { 'group.min.session.timeout.ms': 100 } })
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 4 }])
  })
  afterEach(() => cluster.stop())

  const options = {
    groupId: 'g',
    autoOffsetReset: 'earliest',
    heartbeatIntervalMs: 50,
    sessionTimeoutMs: 5_000,
  } as const
  const until = async (true_: () => boolean) => {
    while (!true_()) await cluster.ports.clock.sleep(5)
  }

  async function produce(from: number, to: number): Promise<void> {
    const producer = cluster.client().producer()
    const handle = await producer.open('orders')
    for (let i = from; i < to; i++) producer.append(handle, i % 4, 0, null, utf8Out, `${i}`, utf8Out, null)
    await producer.close()
  }

  it('divides the partitions anew when members come and go', async () => {
    const first = new Member(cluster.client().consumer(options))
    await until(() => first.owned.length === 4)
    const second = new Member(cluster.client().consumer(options))
    await until(() => first.owned.length === 2 && second.owned.length === 2)
    expect([...first.owned, ...second.owned].sort()).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders-3'])
    await produce(0, 400)
    await until(() => first.values.length + second.values.length === 400)
    expect(new Set([...first.values, ...second.values]).size).toBe(400)
    await second.leave()
    await until(() => first.owned.length === 4)
    expect(first.events[1]).toBe('-orders-0 orders-1 orders-2 orders-3')
    expect(second.events.at(-1)).toMatch(/^-orders/)
    await first.leave()
  })

  it('gives a static member that returns what it had, and disturbs nobody', async () => {
    const first = new Member(cluster.client().consumer({ ...options, groupInstanceId: 'one' }))
    await until(() => first.owned.length === 4)
    const second = new Member(cluster.client().consumer({ ...options, groupInstanceId: 'two' }))
    await until(() => first.owned.length === 2 && second.owned.length === 2)
    await produce(0, 40)
    await until(() => first.values.length + second.values.length === 40)
    const had = second.owned
    const before = [...first.events]
    await second.leave()
    await produce(40, 80)
    const returned = new Member(cluster.client().consumer({ ...options, groupInstanceId: 'two' }))
    await until(() => returned.owned.length === 2)
    expect(returned.owned).toEqual(had)
    await until(() => first.values.length + second.values.length + returned.values.length >= 80)
    expect(first.events).toEqual(before)
    await Promise.all([first.leave(), returned.leave()])
  })

  it('fences a static member when another one takes its name', async () => {
    const first = cluster.client().consumer({ ...options, groupInstanceId: 'one' })
    first.subscribe(['orders'])
    while (first.assignment().length < 4) await first.poll({ timeoutMs: 20 })
    const second = new Member(cluster.client().consumer({ ...options, groupInstanceId: 'one' }))
    await until(() => second.owned.length === 4)
    const fenced = async () => {
      for (;;) await first.poll({ timeoutMs: 20 })
    }
    await expect(fenced()).rejects.toMatchObject({ code: 'FENCED_INSTANCE_ID' })
    await second.leave()
  })

  it('waits for the revoke hook, whose commit still counts', async () => {
    await produce(0, 400)
    const consumer = cluster.client().consumer(options)
    let sawAfterHook = false
    let hookDone = false
    const first = new Member(consumer, {
      onRevoked: async (partitions) => {
        const positions = new TopicPartitionMap<{
          offset: ReturnType<typeof offset>
          leaderEpoch: number
          metadata: string
        }>()
        for (const at of partitions) {
          const position = consumer.position(at)
          if (position !== undefined)
            positions.set(at.topic, at.partition, { offset: position, leaderEpoch: -1, metadata: '' })
        }
        await cluster.ports.clock.sleep(100)
        await consumer.commit(positions)
        hookDone = true
      },
    })
    await until(() => first.values.length === 400)
    const second = new Member(cluster.client().consumer(options), {
      onAssigned: () => {
        sawAfterHook = hookDone
      },
    })
    await until(() => second.owned.length === 2)
    expect(sawAfterHook).toBe(true)
    await produce(400, 440)
    await until(() => first.values.length + second.values.length >= 440)
    expect(second.values.every((value) => value >= 400)).toBe(true)
    await first.leave()
    await second.leave()
  })

  it('goes on from what was committed', async () => {
    await produce(0, 100)
    const first = new Member(cluster.client().consumer({ ...options, autoCommitIntervalMs: 10 }))
    await until(() => first.values.length === 100)
    await first.leave()
    await produce(100, 120)
    const second = new Member(cluster.client().consumer(options))
    await until(() => second.values.length === 20)
    expect(second.values.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => 100 + i))
    await second.leave()
  })

  it('leaves when nobody polls, tells so, and comes back', async () => {
    const consumer = cluster.client().consumer({ ...options, maxPollIntervalMs: 200 })
    const first = new Member(consumer)
    await until(() => first.owned.length === 4)
    await first.stop()
    const second = new Member(cluster.client().consumer(options))
    await until(() => second.owned.length === 4)
    const stale = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
    stale.set('orders', 0, { offset: offset(1), leaderEpoch: -1, metadata: '' })
    await expect(consumer.commit(stale)).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' })
    while (consumer.assignment().length !== 2) await consumer.poll({ timeoutMs: 20 })
    expect(first.events).toContain('!orders-0 orders-1 orders-2 orders-3')
    await second.leave()
    await consumer.close()
  })

  it('reads a topic that is made after it was subscribed to', async () => {
    const member = new Member(cluster.client().consumer(options), {}, ['orders', 'later'])
    await until(() => member.owned.length === 4)
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'later', partitions: 2 }])
    await until(() => member.owned.length === 6)
    await member.leave()
  })

  it('shows its members, offsets and state to the admin', async () => {
    const admin = cluster.client().admin()
    const member = new Member(cluster.client().consumer({ ...options, autoCommitIntervalMs: 10 }))
    await produce(0, 40)
    await until(() => member.values.length === 40)
    const [group] = await admin.describeGroups(['g'])
    expect(group).toMatchObject({ state: 'Stable', protocol: 'range', protocolType: 'consumer' })
    expect(group?.members[0]?.partitions.map(name).sort()).toEqual(member.owned.sort())
    expect(await admin.listGroups()).toMatchObject([{ groupId: 'g' }])
    await member.leave()
    expect((await admin.groupOffsets('g')).get('orders', 3)?.offset).toBe(10)
    await admin.deleteGroups(['g'])
    expect(await admin.listGroups()).toEqual([])
  })
})
