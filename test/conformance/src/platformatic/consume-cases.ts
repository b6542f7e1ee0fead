import { deepEqual, equal, ok } from 'node:assert/strict'
import { once } from 'node:events'
import { FetchIsolationLevels } from '@platformatic/kafka'
import { eventually } from '../eventually.ts'
import { Notes } from '../notes.ts'
import { type Case, kafkaErrors, type Reading, type World } from './world.ts'

const numbered = (word: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${word} ${i}`)

/** Resolves when the members' partitions, taken together, are all of them, each held once, and each holds some. */
async function settled(members: readonly Reading[], partitions: number): Promise<void> {
  const held = (): number[][] => members.map(({ consumer }) => consumer.assignments?.flatMap((a) => a.partitions) ?? [])
  const abandoned = new AbortController()
  for (;;) {
    const now = held()
    const all = now.flat()
    if (all.length === partitions && new Set(all).size === partitions && now.every((own) => own.length > 0)) break
    const joins = members.map(({ consumer }) => once(consumer, 'consumer:group:join', { signal: abandoned.signal }))
    for (const join of joins) join.catch(() => {})
    await Promise.race(joins)
  }
  abandoned.abort()
}

const quick = { sessionTimeout: 6000, heartbeatInterval: 200, rebalanceTimeout: 6000 }

/** Members of one group, joined and each with its share. */
async function members(world: World, count: number, topic: string, partitions: number, groupId: string) {
  const all: Reading[] = []
  for (let i = 0; i < count; i++) all.push(await world.read([topic], world.consumer(groupId, quick)))
  await settled(all, partitions)
  return all
}

/** Resolves when the members, taken together, have got all these values. */
async function gathered(readings: readonly Reading[], values: readonly string[]): Promise<void> {
  for (;;) {
    const got = new Set(readings.flatMap(({ records }) => records.all.map(({ value }) => value)))
    if (values.every((value) => got.has(value))) return
    await Promise.race(readings.map(({ records }) => records.until(records.all.length + 1)))
  }
}

export const consumeCases: Readonly<Record<string, Case>> = {
  'consume: three members share a group; one leaves, and its part is taken over': async (world) => {
    const topic = await world.topic(6)
    const all = await members(world, 3, topic, 6, world.name('group'))
    await world.send(topic, numbered('before', 60), 6)
    await gathered(all, numbered('before', 60))
    for (const { records } of all) await records.until(1)
    const [gone, ...rest] = all
    await gone?.consumer.close(true)
    await settled(rest, 6)
    await world.send(topic, numbered('after', 60), 6)
    await gathered(rest, numbered('after', 60))
  },

  'consume: a group goes on where it was': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, ['a', 'b', 'c'])
    const first = await world.read([topic], world.consumer(groupId), { autocommit: false })
    await first.records.until(3)
    await first.consumer.commit({ offsets: [{ topic, partition: 0, offset: 2n, leaderEpoch: 0 }] })
    await first.consumer.close(true)
    const second = await world.read([topic], world.consumer(groupId))
    const [next] = await second.records.until(1)
    deepEqual([next?.offset, next?.value], [2, 'c'])
  },

  'consume: a commit holds, and a group goes on, when its broker was killed': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, ['a', 'b'])
    const first = await world.read([topic], world.consumer(groupId), { autocommit: false })
    await first.records.until(2)
    await first.consumer.commit({ offsets: [{ topic, partition: 0, offset: 1n, leaderEpoch: 0 }] })
    await first.consumer.close(true)
    await world.tidy()
    await world.broker.kill()
    await world.broker.start()
    const second = await world.read([topic], world.consumer(groupId))
    const [next] = await second.records.until(1)
    deepEqual([next?.offset, next?.value], [1, 'b'])
  },

  'consume: a running consumer goes on when its broker was killed and is back': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a'])
    const patient = { ...quick, retries: true }
    // With autocommit, closing would commit; into a group that has forgotten the member, its close would be an error.
    const consumer = world.consumer(world.name('group'), patient)
    const { records } = await world.read([topic], consumer, { autocommit: false })
    await records.until(1)
    await world.broker.kill()
    await world.broker.start()
    await world.send(topic, ['b'])
    await records.untilSome(({ value }) => value === 'b')
  },

  'consume: from the end only what is new; from offsets that are given': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b', 'c'])
    const manual = await world.read([topic], world.consumer(), {
      mode: 'manual',
      offsets: [{ topic, partition: 0, offset: 1n }],
    })
    deepEqual(
      (await manual.records.until(2)).map(({ value }) => value),
      ['b', 'c'],
    )
    const consumer = world.consumer()
    const latest = await consumer.consume({ topics: [topic], mode: 'latest' })
    const got = new Notes<string>()
    const fetching = once(latest, 'fetch')
    latest.on('data', ({ value }) => got.add(value))
    await fetching
    await world.send(topic, ['new'])
    deepEqual(await got.until(1), ['new'])
  },

  'consume: an iterator, paused between records by back-pressure': async (world) => {
    const topic = await world.topic(1)
    const values = numbered('v', 500)
    await world.send(topic, values)
    const consumer = world.consumer()
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', highWaterMark: 10, maxBytes: 2000 })
    const got: string[] = []
    for await (const { value } of stream) {
      got.push(value)
      if (got.length === values.length) break
    }
    deepEqual(got, values)
  },

  'consume: by commits of its messages, one by one': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b', 'c'])
    const consumer = world.consumer()
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false })
    for await (const message of stream) {
      await message.commit()
      if (message.offset === 1n) break
    }
    await consumer.joinGroup()
    const committed = await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [0] }] })
    deepEqual(committed.get(topic), [2n])
  },

  'consume: offsets of a topic, by place and by time, and the lag': async (world) => {
    const topic = await world.topic(1)
    const producer = world.producer()
    for (const time of [1000, 2000, 3000]) {
      await producer.send({ messages: [{ topic, value: `${time}`, timestamp: BigInt(time) }] })
    }
    const { consumer, records } = await world.read([topic])
    await records.until(3)
    deepEqual((await consumer.listOffsets({ topics: [topic] })).get(topic), [3n])
    deepEqual((await consumer.listOffsets({ topics: [topic], timestamp: -2n })).get(topic), [0n])
    const byTime = await consumer.listOffsetsWithTimestamps({ topics: [topic], timestamp: 1500n })
    deepEqual(byTime.get(topic)?.get(0), { offset: 1n, timestamp: 2000n })
    await consumer.commit({ offsets: [{ topic, partition: 0, offset: 3n, leaderEpoch: 0 }] })
    deepEqual((await consumer.getLag({ topics: [topic] })).get(topic), [0n])
  },

  'consume: by topic id; a topic made anew is another one': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a'])
    const admin = world.admin()
    const consumer = world.consumer(world.name('group'), { retries: 0 })
    const metadata = await consumer.metadata({ topics: [topic] })
    const old = `${metadata.topics.get(topic)?.id}`
    const partition = {
      partition: 0,
      currentLeaderEpoch: -1,
      fetchOffset: 0n,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 1000,
    }
    const node = Number([...metadata.brokers.keys()][0])
    const isolationLevel = FetchIsolationLevels.READ_COMMITTED
    const fetch = (topicId: string) =>
      consumer.fetch({ node, topics: [{ topicId, partitions: [partition] }], maxWaitTime: 10, isolationLevel })
    const answer = await fetch(old)
    equal(answer.responses[0]?.topicId, old)
    equal(answer.responses[0]?.partitions[0]?.highWatermark, 1n)
    await admin.deleteTopics({ topics: [topic] })
    const [anew] = await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
    ok(anew?.id !== old)
    const refused = (): Promise<string[]> => fetch(old).then(() => [], kafkaErrors)
    await eventually(async () => (await refused()).includes('UNKNOWN_TOPIC_ID'))
  },

  'consume: a static member comes back as the one it was': async (world) => {
    const topic = await world.topic(2)
    const groupId = world.name('group')
    const admin = world.admin()
    const member = () => world.consumer(groupId, { ...quick, groupInstanceId: 'one' })
    const first = await world.read([topic], member())
    const generation = first.consumer.generationId
    const described = async () => (await admin.describeGroups({ groups: [groupId] })).get(groupId)
    deepEqual(
      [...((await described())?.members.values() ?? [])].map((one) => one.groupInstanceId),
      ['one'],
    )
    const second = await world.read([topic], member())
    ok(second.consumer.memberId !== first.consumer.memberId)
    equal(second.consumer.generationId, generation)
    equal((await described())?.members.size, 1)
  },
}
