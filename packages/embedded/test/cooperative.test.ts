import { type Consumer, type ConsumerOptions, cooperativeStickyAssignor } from '@millrace/client'
import { codeOf, type Offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { utf8Out } from '@millrace/record/internal'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf } from './cluster-under-test.ts'

const name = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

/** Who owns what, as the hooks tell it: between `onAssigned` and the end of `onRevoked` or `onLost`. */
class Owners {
  readonly #owners = new Map<string, string>()
  readonly conflicts: string[] = []

  assigned(member: string, partitions: readonly TopicPartition[]): void {
    for (const at of partitions.map(name)) {
      const other = this.#owners.get(at)
      if (other !== undefined) this.conflicts.push(`${at}: ${other} and ${member}`)
      this.#owners.set(at, member)
    }
  }

  gone(member: string, partitions: readonly TopicPartition[]): void {
    for (const at of partitions.map(name)) {
      if (this.#owners.get(at) !== member) this.conflicts.push(`${at}: let go by ${member}, which did not own it`)
      this.#owners.delete(at)
    }
  }

  get count(): number {
    return this.#owners.size
  }
}

class Member {
  readonly consumer: Consumer
  readonly events: string[] = []
  readonly reads: { partition: number; offset: number }[] = []
  #running = true
  readonly #done: Promise<void>

  constructor(id: string, consumer: Consumer, owners: Owners, topics: readonly string[] | RegExp = ['orders']) {
    this.consumer = consumer
    consumer.subscribe(topics, {
      onAssigned: (partitions) => {
        owners.assigned(id, partitions)
        this.events.push(`+${partitions.map(name).join(' ')}`)
      },
      onRevoked: async (partitions) => {
        if (Array.isArray(topics)) await commit(consumer, partitions)
        owners.gone(id, partitions)
        this.events.push(`-${partitions.map(name).join(' ')}`)
      },
      onLost: (partitions) => {
        owners.gone(id, partitions)
        this.events.push(`!${partitions.map(name).join(' ')}`)
      },
    })
    this.#done = this.#run()
  }

  get owned(): string[] {
    return this.consumer.assignment().map(name)
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.reads.push(...recordsOf(await this.consumer.poll({ timeoutMs: 10 })))
    }
  }

  async leave(): Promise<void> {
    this.#running = false
    await this.#done
    await this.consumer.close()
  }
}

/** A round that begins meanwhile may refuse it: the records are read again. */
async function commit(consumer: Consumer, partitions: readonly TopicPartition[]): Promise<void> {
  try {
    await consumer.commit(positionsOf(consumer, partitions))
  } catch (error) {
    if (codeOf(error) !== 'REBALANCE_IN_PROGRESS') throw error
  }
}

function positionsOf(consumer: Consumer, partitions: readonly TopicPartition[]) {
  const positions = new TopicPartitionMap<{ offset: Offset; leaderEpoch: number; metadata: string }>()
  for (const at of partitions) {
    const position = consumer.position(at)
    if (position === undefined) continue
    positions.set(at.topic, at.partition, { offset: position, leaderEpoch: -1, metadata: '' })
  }
  return positions
}

describe('a cooperative group', () => {
  const partitions = 7
  let cluster: ClusterUnderTest
  let owners: Owners
  beforeEach(async () => {
    owners = new Owners()
    cluster = await ClusterUnderTest.start('tcp', { settings: { 'group.min.session.timeout.ms': 100 } })
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions }])
  })
  afterEach(() => cluster.stop())

  const until = async (true_: () => boolean) => {
    while (!true_()) await cluster.ports.clock.sleep(2)
  }
  const member = (id: string, options: ConsumerOptions = {}, topics?: readonly string[] | RegExp) =>
    new Member(
      id,
      cluster.client().consumer({
        groupId: 'g',
        autoOffsetReset: 'earliest',
        heartbeatIntervalMs: 20,
        fetchWaitMs: 20,
        assignors: [cooperativeStickyAssignor()],
        ...options,
      }),
      owners,
      topics,
    )

  async function produce(from: number, to: number): Promise<void> {
    const producer = cluster.client().producer()
    const handle = await producer.open('orders')
    for (let i = from; i < to; i++) producer.append(handle, i % partitions, 0, null, utf8Out, `${i}`, utf8Out, null)
    await producer.close()
  }

  it('takes from a member only what it needs for another one', async () => {
    const first = member('first')
    await until(() => first.owned.length === partitions)
    const second = member('second')
    await until(() => first.owned.length === 4 && second.owned.length === 3)
    expect(first.events[0]).toMatch(/^\+(orders-\d ?){7}$/)
    const revoked = first.events.filter((event) => event.startsWith('-'))
    expect(revoked).toHaveLength(1)
    expect(revoked[0]?.split(' ')).toHaveLength(3)
    expect(revoked[0]?.slice(1).split(' ').sort()).toEqual([...second.owned].sort())
    await second.leave()
    await until(() => first.owned.length === partitions)
    expect(first.events.filter((event) => event.startsWith('-'))).toHaveLength(1)
    await first.leave()
    expect(owners.conflicts).toEqual([])
  })

  it('reads on from what stays while the group waits for a member', async () => {
    const first = member('first')
    await until(() => first.owned.length === partitions)
    // Joins, and then does not poll: the round of the one that comes next waits for it.
    const slow = cluster.client().consumer({
      groupId: 'g',
      heartbeatIntervalMs: 20,
      assignors: [cooperativeStickyAssignor()],
    })
    slow.subscribe(['orders'])
    while (slow.assignment().length < 3) await slow.poll({ timeoutMs: 10 })
    await until(() => first.owned.length === 4)
    const kept = first.owned
    const third = member('third')
    await until(() => first.consumer.groupMetadata() !== undefined && third.consumer.groupMetadata() === undefined)
    const before = first.reads.length
    await produce(0, 70)
    await until(() => first.reads.length === before + 40)
    expect(first.owned).toEqual(kept)
    expect(third.owned).toEqual([])
    await slow.close()
    await until(() => first.owned.length + third.owned.length === partitions)
    await Promise.all([first.leave(), third.leave()])
    expect(owners.conflicts).toEqual([])
  })

  it('gives each partition one owner at a time, and every one an owner, whoever comes and goes', async () => {
    const step = fc.record({ who: fc.integer({ min: 0, max: 2 }), settle: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 6 }), async (steps) => {
        owners = new Owners()
        const members = new Map<number, Member>()
        const settled = () => {
          const loads = [...members.values()].map(({ owned }) => owned.length)
          return owners.count === partitions && Math.max(...loads) - Math.min(...loads) <= 1
        }
        for (const { who, settle } of steps) {
          const there = members.get(who)
          if (there === undefined) members.set(who, member(`member ${who}`))
          else {
            members.delete(who)
            await there.leave()
          }
          if (settle && members.size > 0) await until(settled)
        }
        if (members.size > 0) await until(settled)
        await Promise.all([...members.values()].map((each) => each.leave()))
        expect(owners.conflicts).toEqual([])
        expect(owners.count).toBe(0)
      }),
      { numRuns: 12, endOnFailure: true },
    )
  })

  it('loses what it owned when its session has ended, and says so', async () => {
    const first = member('first', { maxPollIntervalMs: 100 })
    await until(() => first.owned.length === partitions)
    const stuck = first.consumer.poll.bind(first.consumer)
    let held = true
    first.consumer.poll = async (options) => {
      while (held) await cluster.ports.clock.sleep(5)
      return stuck(options)
    }
    await until(() => first.consumer.groupMetadata() === undefined)
    held = false
    await until(() => first.events.some((event) => event.startsWith('!')))
    await until(() => first.owned.length === partitions)
    await first.leave()
    expect(owners.conflicts).toEqual([])
  })

  it('reads the topics that match a pattern, new ones and no longer those that are gone', async () => {
    const client = cluster.client({ metadataMaxAgeMs: 50 })
    const admin = client.admin()
    const consumer = client.consumer({
      groupId: 'p',
      heartbeatIntervalMs: 20,
      assignors: [cooperativeStickyAssignor()],
    })
    const one = new Member('one', consumer, owners, /^or/)
    await until(() => one.owned.length === partitions)
    await admin.createTopics([
      { name: 'origins', partitions: 2 },
      { name: 'others', partitions: 2 },
    ])
    await until(() => one.owned.length === partitions + 2)
    expect(one.consumer.subscription()).toEqual(['orders', 'origins'])
    await admin.deleteTopics(['origins'])
    await until(() => one.owned.length === partitions)
    expect(one.events.filter((event) => event.startsWith('-'))).toEqual(['-origins-0 origins-1'])
    await one.leave()
  })

  it('goes on from a range group by a rolling restart', async () => {
    const eager = member('eager', { assignors: undefined })
    await until(() => eager.owned.length === partitions)
    const both = member('both', { assignors: undefined })
    await until(() => both.owned.length >= 3 && eager.owned.length >= 3)
    await eager.leave()
    const next = member('next')
    await until(() => next.owned.length + both.owned.length === partitions && next.owned.length > 2)
    await both.leave()
    await until(() => next.owned.length === partitions)
    await next.leave()
    expect(owners.conflicts).toEqual([])
  })

  it('refuses a topic name that cannot be', () => {
    const consumer = cluster.client().consumer({ groupId: 'g' })
    expect(() => consumer.subscribe(['orders', 'a b'])).toThrow(/a b/)
    expect(() => consumer.assign([{ topic: '..', partition: 0 }])).toThrow(/\.\./)
  })
})
