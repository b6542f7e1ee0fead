import { defineTopology, json, string, type Topology, topic } from '@millrace/streams'
import { asapScheduler, type MonoTypeOperatorFunction, observeOn, take } from 'rxjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MillraceRoom } from '../src/millrace-room.ts'

const input = topic('numbers', { key: string(), value: json<number>() })

let room: MillraceRoom

beforeAll(async () => {
  room = await MillraceRoom.open()
  await room.createTopics('numbers', 'late', 'ended', 'good')
})

afterAll(() => room.close())

function application(name: string, operator?: MonoTypeOperatorFunction<number>): Topology {
  const output = topic(name, { key: string(), value: json<number>() })
  return defineTopology(name, ({ stream }) => {
    const numbers = stream(input)
    if (operator === undefined) numbers.to(output)
    else numbers.pipe(operator).to(output)
  })
}

test('an operator that emits late ends its own application with node and operator; the others go on', async () => {
  const good = await room.millrace.runHere(application('good'))
  const late = await room.millrace.runHere(application('late', observeOn(asapScheduler)))
  await room.send('numbers', ['1', '2', '3'])
  await expect(late.failure).rejects.toThrow(/numbers\.pipe.*outside a push/s)
  expect((await late.status()).state).toBe('failed')

  await room.send('numbers', ['4'])
  await room.until(async () => (await room.read('good')).length === 4)
  expect((await good.status()).state).toBe('running')
  // Nothing of the failed application counts as processed: whoever mends it goes on from the first record.
  const admin = room.millrace.client.admin()
  expect([...(await admin.groupOffsets('late'))]).toEqual([])
  await admin.close()
  await late.close().catch(() => {}) // it has failed, as was said
  const mended = await room.millrace.runHere(application('late'))
  await room.until(async () => (await room.read('late')).length === 4)
  await mended.close()
  await good.close()
})

test('an operator that ends or hides state is refused or named, with what to use instead', async () => {
  expect(() => application('ended', take(2))).not.toThrow()
  const ended = await room.millrace.runHere(application('ended', take(2)))
  await expect(ended.failure).rejects.toThrow(/numbers\.pipe.*take/s)
  expect((await ended.status()).state).toBe('failed')
})
