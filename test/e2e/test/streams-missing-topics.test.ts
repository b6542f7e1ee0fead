import { defineTopology, string, topic } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(() => room.close())

const text = { key: string(), value: string() }
const copy = defineTopology('copy', ({ stream }) => {
  stream(topic('from', text)).to(topic('into', text))
})

for (const processing of ['at-least-once', 'exactly-once'] as const) {
  test(`${processing}: topics that do not exist are told of and waited for`, async () => {
    const app = await room.run(copy, { processing })
    await room.until(async () => (await app.status()).waitingFor.join() === 'from,into')
    expect((await app.status()).state).toBe('starting')
    await room.topics({ from: 1 })
    await room.until(async () => (await app.status()).waitingFor.join() === 'into')
    await room.topics({ into: 1 })
    await room.write('from', [{ key: 'k', value: 'v', timestampMs: 1 }])
    await room.until(async () => (await room.read('into')).length === 1)
    expect((await app.status()).waitingFor).toEqual([])
  })
}

// In half the time that the topics are waited for.
test('an application that waits for its topics stops when it is told to', { timeout: 15_000 }, async () => {
  const app = await room.run(copy)
  await room.until(async () => (await app.status()).waitingFor.length === 2)
  await app.close()
  expect((await app.status()).state).toBe('stopped')
})
