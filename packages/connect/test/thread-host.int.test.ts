import { afterEach, beforeEach, expect, it } from 'vitest'
import { ConnectRuntime, threadHost } from '../src/index.ts'
import { type EngineRoom, openEngineRoom } from './engine-room.ts'
import { fallingNumbers } from './falling-numbers.mjs'

let room: EngineRoom
beforeEach(async () => {
  room = await openEngineRoom()
})
afterEach(() => room.close())

it('a task whose thread dies is FAILED with a reason, starts again in a new thread, and nothing is missing', async () => {
  const { client, ports, engine, directory } = room
  const module = new URL('./numbers-worker.mjs', import.meta.url)
  const host = threadHost({ threads: ports.threads, module, link: () => engine.threadLink() })
  const runtime = await ConnectRuntime.start({
    client,
    ports,
    connectors: [fallingNumbers],
    host,
    baseDirectory: directory,
  })
  await runtime.create('src', {
    connector: 'falling-numbers',
    topic: 't',
    to: 1500,
    dieAt: 1000,
    'offset.flush.interval.ms': 5,
    'restart.delay.max.ms': 300,
    'topic.creation.default.partitions': 1,
  })
  await room.until(() => runtime.progress()[0]?.state === 'FAILED')
  expect(runtime.progress()[0]?.reason).toMatch(/thread|exit|code/)
  await room.until(() => runtime.progress()[0]?.completed === true)
  const values = (await room.read('t')).map(({ value }) => Number(value))
  const firstTimes = values.filter((value, i) => values.indexOf(value) === i)
  expect(firstTimes).toEqual(Array.from({ length: 1500 }, (_, n) => n))
  expect(runtime.progress()[0]).toMatchObject({ restarts: 1, state: 'STOPPED' })
  await runtime.close()
})

it('a pause and a stop reach the task in its thread', async () => {
  const { client, ports, engine, directory } = room
  const module = new URL('./numbers-worker.mjs', import.meta.url)
  const host = threadHost({ threads: ports.threads, module, link: () => engine.threadLink() })
  const runtime = await ConnectRuntime.start({
    client,
    ports,
    connectors: [fallingNumbers],
    host,
    baseDirectory: directory,
  })
  const config = {
    connector: 'falling-numbers',
    topic: 't',
    to: 1e9,
    dieAt: -1,
    'topic.creation.default.partitions': 1,
  }
  await runtime.create('src', config)
  await room.until(() => (runtime.progress()[0]?.counts.records ?? 0) > 0)
  await runtime.pause('src')
  await room.until(() => runtime.progress()[0]?.state === 'PAUSED')
  await runtime.resume('src')
  await room.until(() => runtime.progress()[0]?.state === 'RUNNING')
  const task = runtime.get('src').tasks[0]
  await runtime.stop('src')
  expect(task?.status().state).toBe('STOPPED')
  await runtime.close()
})
