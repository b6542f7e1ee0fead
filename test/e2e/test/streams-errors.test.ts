import { defineTopology, json, string, topic, tumbling } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(() => room.close())

const numbers = topic('numbers', { key: string(), value: json<number>() })
const doubled = topic('doubled', { key: string(), value: json<number>() })

const half = (value: number) => {
  if (value % 2 === 1) throw new Error(`${value} is odd`)
  return value / 2
}

test('records that cannot be read or processed go to the dead letters, are counted, and all else goes on', async () => {
  await room.topics({ numbers: 2, doubled: 1, dead: 1 })
  const errors = { deserialization: 'dead-letter', processing: 'dead-letter', deadLetterTopic: 'dead' } as const
  const topology = defineTopology(
    'halves',
    ({ stream }) => stream(numbers).mapValues(half, json<number>()).to(doubled),
    { errors },
  )
  const records = ['1', '2', 'three', '4', '5', '6'].map((value, i) => ({ key: `k${i}`, value, timestampMs: 1000 + i }))
  await room.write('numbers', records)
  const app = await room.run(topology)
  await room.processed('halves', ['numbers'])
  await app.close()
  expect((await room.table('doubled')).size).toBe(3)
  const dead = await room.read('dead')
  expect(dead.map(({ key, value }) => `${key} ${value}`).sort()).toEqual(['k0 1', 'k2 three', 'k4 5'])
  expect(Object.keys(dead[0]?.headers ?? {}).length).toBeGreaterThan(0)
  expect((await app.status()).dropped).toMatchObject({ deserialization: 1, processing: 2 })
})

test('a record that stops the task: its cause is told, what went before is committed, what comes after is not skipped', async () => {
  await room.topics({ numbers: 1, doubled: 1 })
  let strict = true
  const topology = defineTopology('strict', ({ stream }) =>
    stream(numbers)
      .mapValues((value) => (strict ? half(value) : value / 2), json<number>())
      .to(doubled),
  )
  const write = (...values: number[]) =>
    room.write(
      'numbers',
      values.map((value) => ({ key: 'k', value: String(value), timestampMs: value })),
    )
  await write(2, 4)
  const app = await room.run(topology)
  await room.processed('strict', ['numbers'])
  await write(6, 7, 8)
  await expect(app.failure).rejects.toMatchObject({ message: expect.stringContaining('7 is odd') })
  const status = await app.status()
  expect(status.state).toBe('failed')
  expect(status.threads[0]?.failure?.message).toContain('7 is odd')
  await app.close()

  strict = false
  const mended = await room.run(topology)
  await room.processed('strict', ['numbers'], [mended])
  await mended.close()
  const seen = (await room.read('doubled')).map(({ value }) => Number(value))
  expect([...new Set(seen)]).toEqual([1, 2, 3, 3.5, 4])
  expect(seen.filter((value) => value < 3)).toEqual([1, 2])
})

test('late records are counted, also after a restart: stream time is committed', async () => {
  await room.topics({ numbers: 1 })
  const topology = defineTopology('late', ({ stream }) => {
    stream(numbers)
      .groupByKey()
      .windowedBy(tumbling({ seconds: 1 }))
      .count({ store: 'seconds' })
  })
  const at = (...timestamps: number[]) =>
    room.write(
      'numbers',
      timestamps.map((timestampMs) => ({ key: 'k', value: '1', timestampMs })),
    )
  await at(1_000, 500_000, 1_500)
  const before = await room.run(topology)
  await room.processed('late', ['numbers'])
  await expect.poll(async () => (await before.status()).dropped['late'], { timeout: 10_000 }).toBe(1)
  await before.close()
  await at(2_000, 3_000, 500_100)
  const after = await room.run(topology)
  await room.processed('late', ['numbers'])
  await expect.poll(async () => (await after.status()).dropped['late'], { timeout: 10_000 }).toBe(2)
})
