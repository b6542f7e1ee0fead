import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Case, World } from './world.ts'

const values = Array.from({ length: 200 }, (_, i) => `value ${i} `.repeat(20))

function compressed(codec: string): Case {
  return async (world) => {
    const topic = await world.topic(1)
    for (let i = 0; i < 2; i++) await world.send(topic, values, '-X', `compression.codec=${codec}`)
    deepEqual(await world.read(topic), [...values, ...values])
  }
}

interface Metadata {
  readonly brokers: readonly { readonly id: number; readonly name: string }[]
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly object[] }[]
}

async function metadataOf(world: World, ...args: readonly string[]): Promise<Metadata> {
  return JSON.parse((await world.kcat(['-L', '-J', ...args])).join('')) as Metadata
}

/** Values whose timestamps are a second apart, from the first second of time. */
async function inTime(world: World): Promise<string> {
  const topic = await world.topic(1)
  await world.client('times', topic)
  return topic
}

export const kcatCases: Readonly<Record<string, Case>> = {
  'kcat: the metadata of the cluster and of a topic': async (world) => {
    const topic = await world.topic(3)
    const all = await metadataOf(world)
    ok(all.topics.some((one) => one.topic === topic))
    deepEqual(
      all.brokers.map(({ name }) => name),
      [world.broker.address],
    )
    const own = await metadataOf(world, '-t', topic)
    const leader = all.brokers[0]?.id
    const partition = (number: number) => ({
      partition: number,
      leader,
      replicas: [{ id: leader }],
      isrs: [{ id: leader }],
    })
    deepEqual(own.topics, [{ topic, partitions: [0, 1, 2].map(partition) }])
  },

  'kcat: without compression': compressed('none'),
  'kcat: gzip': compressed('gzip'),
  'kcat: snappy': compressed('snappy'),
  'kcat: lz4': compressed('lz4'),
  'kcat: zstd': compressed('zstd'),

  'kcat: keys, headers, empty and null values': async (world) => {
    const topic = await world.topic(1)
    await world.kcat(['-P', '-t', topic, '-K:', '-Z', '-H', 'trace=x1', '-H', 'empty='], 'k:v\nnothing:\n')
    await world.kcat(['-P', '-t', topic, '-K:'], 'a:ünï☃\n')
    const format = ['-f', '%o %k %K %s %S [%h]\\n']
    deepEqual(await world.read(topic, ...format), [
      '0 k 1 v 1 [trace=x1,empty=]',
      '1 nothing 7  -1 [trace=x1,empty=]',
      '2 a 1 ünï☃ 8 []',
    ])
  },

  'kcat: acks of none, one and all': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['none'], '-X', 'topic.acks=0')
    while ((await world.read(topic)).length < 1) ok(true)
    await world.send(topic, ['one'], '-X', 'topic.acks=1')
    await world.send(topic, ['all'], '-X', 'topic.acks=-1')
    deepEqual(await world.read(topic), ['none', 'one', 'all'])
  },

  'kcat: idempotent': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, values, '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=10')
    deepEqual(await world.read(topic), values)
  },

  'kcat: a transaction that is committed': async (world) => {
    const topic = await world.topic(1)
    const id = world.name('tx')
    await world.send(topic, ['a', 'b'], '-X', `transactional.id=${id}`)
    await world.send(topic, ['c'], '-X', `transactional.id=${id}`)
    deepEqual(await world.read(topic, '-X', 'isolation.level=read_committed', '-f', '%o %s\\n'), ['0 a', '1 b', '3 c'])
  },

  'kcat: from an offset, from the end, between two times': async (world) => {
    const topic = await inTime(world)
    deepEqual(await world.read(topic, '-o', '1'), ['2000', '3000'])
    deepEqual(await world.read(topic, '-o', '-1', '-f', '%s %T\\n'), ['3000 3000'])
    deepEqual(await world.read(topic, '-o', 's@1500', '-o', 'e@2500'), ['2000'])
    deepEqual(await world.kcat(['-Q', '-t', `${topic}:0:1500`]), [`${topic} [0] offset 1`])
    deepEqual(await world.kcat(['-Q', '-t', `${topic}:0:9999`]), [`${topic} [0] offset -1`])
  },

  'kcat: a group goes on where it was': async (world) => {
    const topic = await world.topic(1)
    const group = world.name('group')
    const take = (count: number): Promise<string[]> =>
      world.kcat(['-G', group, '-c', `${count}`, '-q', '-X', 'auto.offset.reset=earliest', topic])
    await world.send(topic, ['a', 'b', 'c', 'd', 'e'])
    deepEqual(await take(2), ['a', 'b'])
    deepEqual(await take(3), ['c', 'd', 'e'])
  },

  'kcat: two members of a group share, and one takes over': async (world) => {
    const topic = await world.topic(4)
    const group = world.name('group')
    const member = () =>
      world.start(['-G', group, '-u', '-X', 'auto.offset.reset=earliest', '-X', 'heartbeat.interval.ms=200', topic])
    const [first, second] = [member(), member()]
    const shared = (line: string): boolean => /assigned: /.test(line) && line.split(`${topic} [`).length === 3
    await Promise.all([first.lines.untilSome(shared), second.lines.untilSome(shared)])
    await second.stop()
    await first.lines.untilSome((line) => /assigned: /.test(line) && line.split(`${topic} [`).length === 5)
    for (const partition of [0, 1, 2, 3]) await world.kcat(['-P', '-t', topic, '-p', `${partition}`], `${partition}\n`)
    for (const partition of [0, 1, 2, 3]) await first.lines.untilSome((line) => line === `${partition}`)
  },

  'kcat: an unknown topic is made on first use': async (world) => {
    const topic = world.name('auto')
    await world.send(topic, ['first'])
    deepEqual(await world.read(topic), ['first'])
  },

  'kcat: a record above max.message.bytes is refused': async (world) => {
    const topic = await world.topic(1)
    const large = world.send(topic, ['x'.repeat(1_500_000)], '-X', 'message.max.bytes=5000000')
    const error = await large.then(() => '', String)
    ok(/Message size too large/.test(error), error)
    await world.send(topic, ['fits'])
    equal((await world.read(topic))[0], 'fits')
  },
}
