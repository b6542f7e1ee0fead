import { defineSink, defineSource } from '@millrace/connect-api'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type EngineRoom, openEngineRoom } from './engine-room.ts'

let room: EngineRoom
beforeEach(async () => {
  room = await openEngineRoom()
})
afterEach(() => room.close())

/** Writes one record to its topic. */
const one = defineSource<{ readonly topic: string }>({
  name: 'one',
  config: { required: ['topic'], properties: { topic: { type: 'string' } } },
  start: ({ config, storedOffset }) => ({
    async poll(out) {
      if (storedOffset({})?.['done'] === true) return 'end'
      const { topic } = config
      const nothing = { partition: null, key: null, keySchema: null, valueSchema: null, timestamp: 0, headers: [] }
      await out.send({ topic, value: 1, ...nothing })
      out.position({}, { done: true })
      return 'end'
    },
  }),
})

function counting() {
  const seen: unknown[] = []
  const sink = defineSink({
    name: 'counting',
    config: { properties: {} },
    start: () => ({
      async put({ values }) {
        seen.push(...values)
      },
    }),
  })
  return { seen, sink }
}

async function createTopic(name: string): Promise<void> {
  const admin = room.client.admin()
  await admin.createTopics([{ name, partitions: 1 }])
  await admin.close()
}

it.each(['disabled', 'required'])(
  'a source whose topic does not exist says so and how to make it, and goes on once it is made (exactly-once %s)',
  async (support) => {
    const runtime = await room.connect([one])
    await runtime.create('src', { connector: 'one', topic: 'nowhere', 'exactly.once.support': support })
    const task = () => runtime.progress()[0]
    await room.until(() => task()?.reason !== undefined)
    expect(task()).toMatchObject({ state: 'RUNNING', retryingSinceMs: expect.any(Number) })
    expect(task()?.reason).toBe(
      'connector src: topic nowhere does not exist. Make it: millrace topics create nowhere, ' +
        "or set topic.creation.default.partitions in the connector's config",
    )
    await createTopic('nowhere')
    await room.until(() => task()?.completed === true)
    expect(task()?.reason).toBeUndefined()
    expect((await room.read('nowhere', 'read_committed')).map(({ value }) => value)).toEqual(['1'])
  },
)

// In half the time that a producer looks for a topic.
it('a source that waits for its topic stops when it is told to, and gives up when its config says so', {
  timeout: 15_000,
}, async () => {
  const runtime = await room.connect([one])
  await runtime.create('src', { connector: 'one', topic: 'nowhere' })
  await room.until(() => runtime.progress()[0]?.reason !== undefined)
  await runtime.stop('src')
  expect(runtime.get('src').status().state).toBe('STOPPED')
  await runtime.create('hasty', { connector: 'one', topic: 'nowhere', 'errors.retry.timeout': 50, 'restart.max': 0 })
  await room.until(() => runtime.progress().some(({ state }) => state === 'FAILED'))
  const failed = runtime.progress().find(({ connector }) => connector === 'hasty')
  expect(failed?.reason).toMatch(/errors\.retry\.timeout: connector hasty: topic nowhere does not exist/)
})

it('a sink whose topics do not exist says which, reads those that do, and all of them once they are made', async () => {
  const { seen, sink } = counting()
  await createTopic('here')
  const runtime = await room.connect([one, sink])
  await runtime.create('snk', { connector: 'counting', topics: 'here, later, never' })
  const task = () => runtime.get('snk').status().tasks[0]
  await room.until(() => task()?.reason !== undefined)
  expect(task()?.reason).toBe(
    'topics later, never do not exist. Make it: millrace topics create later; millrace topics create never',
  )
  await runtime.create('a', { connector: 'one', topic: 'here' })
  await room.until(() => seen.length === 1)
  await createTopic('later')
  await runtime.create('b', { connector: 'one', topic: 'later' })
  await room.until(() => seen.length === 2)
  await room.until(() => task()?.reason?.startsWith('topic never does not exist') === true)
  await createTopic('never')
  await room.until(() => task()?.reason === undefined)
  await runtime.stop('snk')
  expect(runtime.get('snk').status().state).toBe('STOPPED')
})

it('the commands that are told name the cluster, where its address is known', async () => {
  const runtime = await room.connect([one], {}, '10.0.0.1:9092')
  await runtime.create('src', { connector: 'one', topic: 'nowhere' })
  await room.until(() => runtime.progress()[0]?.reason !== undefined)
  expect(runtime.progress()[0]?.reason).toContain('millrace topics create nowhere --bootstrap 10.0.0.1:9092')
})
