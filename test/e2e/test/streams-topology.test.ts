import { defineTopology, json, type StreamsApp, string, topic, tumbling } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(() => room.close())

const text = { key: string(), value: string() }
const copy = (name: string, from: string, to: string) =>
  defineTopology(name, ({ stream }) => stream(topic(from, text)).to(topic(to, text)))

const running = (app: StreamsApp) => room.until(async () => (await app.status()).state === 'running')

test('a second process on the same state directory is refused, and the first is not disturbed', async () => {
  await room.topics({ in: 1, out: 1 })
  const first = await room.run(copy('app', 'in', 'out'))
  await running(first)
  await expect(room.run(copy('app', 'in', 'out'))).rejects.toMatchObject({
    code: 'DIRECTORY_IN_USE',
    message: expect.stringContaining('state directory of its own'),
  })
  await room.write('in', [{ key: 'a', value: '1', timestampMs: 1 }])
  await room.processed('app', ['in'])
  await first.close()
  const again = await room.run(copy('app', 'in', 'out'))
  await running(again)
})

test('a topology that has changed runs at once after a quick restart, with its own tasks', async () => {
  await room.topics({ in: 2, out: 1, more: 3, other: 1 })
  const before = await room.run(copy('app', 'in', 'out'), { hosted: 2, sessionTimeoutMs: 60_000 })
  await running(before)
  await before.close()
  // The group still knows the two members, and their assignment.
  const changed = defineTopology('app', ({ stream }) => {
    stream(topic('in', text)).to(topic('out', text))
    stream(topic('more', text)).to(topic('other', text))
  })
  const after = await room.run(changed, { hosted: 2, sessionTimeoutMs: 60_000 })
  await room.write('more', [{ key: 'a', value: '1', timestampMs: 1 }])
  await room.processed('app', ['more'])
  const tasks = (await after.status()).threads.flatMap((thread) => thread.tasks)
  expect(tasks.sort()).toEqual(['0_0', '0_1', '1_0', '1_1', '1_2'])
})

test('a member with another topology is refused while others run, and they go on', async () => {
  await room.topics({ in: 2, out: 1 })
  const incumbent = await room.run(copy('app', 'in', 'out'))
  await running(incumbent)
  const other = defineTopology('app', ({ stream }) =>
    stream(topic('in', text))
      .mapValues((value) => value.toUpperCase())
      .to(topic('out', text)),
  )
  const newcomer = await room.run(other, { state: 'other' })
  await expect(newcomer.failure).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('different topologies'),
  })
  expect((await newcomer.status()).threads[0]?.failure?.code).toBe('CONFIG')
  await room.write('in', [{ key: 'a', value: 'x', timestampMs: 1 }])
  await room.processed('app', ['in'], [incumbent])
  expect((await incumbent.status()).state).not.toBe('failed')
  expect((await room.read('out')).map(({ value }) => value)).toEqual(['x'])
})

test('a store whose bytes mean something else than before is refused', async () => {
  await room.topics({ in: 1, out: 1 })
  const of = (minutes: number) =>
    defineTopology('app', ({ stream }) => {
      stream(topic('in', text)).groupByKey().windowedBy(tumbling({ minutes })).count({ store: 'windows' })
    })
  const app = await room.run(of(1))
  await running(app)
  await app.close()
  await expect(room.run(of(5))).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/windows.*60000/),
  })
  const table = defineTopology('app', ({ stream }) => {
    stream(topic('in', text))
      .groupByKey()
      .aggregate(
        () => [''],
        (all, value) => [...all, value],
        { store: 'windows', value: json<string[]>() },
      )
  })
  await expect(room.run(table)).rejects.toMatchObject({ code: 'CONFIG' })
  await running(await room.run(of(1)))
})

test('an internal topic with a wrong number of partitions is refused before anything is processed', async () => {
  await room.topics({ in: 2, out: 1, 'app-by-value-repartition': 3, 'app-count-changelog': 5 })
  const topology = (partitions?: number) =>
    defineTopology('app', ({ stream }) => {
      stream(topic('in', text))
        .selectKey((value) => value, string())
        .repartition({ name: 'by-value', partitions })
        .groupByKey()
        .count({ store: 'count' })
    })
  await room.write('in', [{ key: 'a', value: '1', timestampMs: 1 }])
  const app = await room.run(topology())
  await expect(app.failure).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/app-count-changelog.*needs 3 partitions.*got 5/),
  })
  await app.close()
  const wider = await room.run(topology(4))
  await expect(wider.failure).rejects.toMatchObject({
    message: expect.stringMatching(/app-by-value-repartition.*needs 4 partitions.*got 3/),
  })
  expect(await room.read('app-by-value-repartition')).toEqual([])
})
