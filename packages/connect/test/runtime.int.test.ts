import { defineSink, defineSource, type SinkBatch } from '@millrace/connect-api'
import { type ByteWritable, MillraceError, offset } from '@millrace/kernel'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ConnectorConfigError, connectRoutes } from '../src/index.ts'
import { type EngineRoom, openEngineRoom } from './engine-room.ts'

let room: EngineRoom
beforeEach(async () => {
  room = await openEngineRoom()
})
afterEach(() => room.close())

interface NumbersConfig {
  readonly topic: string
  readonly to: number
  readonly failAt?: number
}

/** Emits the numbers from 0, ten a poll; fails once at `failAt`. */
function numbers(failures: { left: number } = { left: 0 }) {
  return defineSource<NumbersConfig>({
    name: 'numbers',
    config: {
      required: ['topic', 'to'],
      properties: { topic: { type: 'string' }, to: { type: 'integer' }, failAt: { type: 'integer' } },
    },
    start(context) {
      const stored = context.storedOffset({ numbers: 1 })?.['next']
      let next = typeof stored === 'number' ? stored : 0
      return {
        async poll(out) {
          for (let i = 0; i < 10 && next < context.config.to; i++, next++) {
            if (next === context.config.failAt && failures.left-- > 0) throw new Error('the numbers are broken')
            await out.send({
              topic: context.config.topic,
              partition: null,
              key: `k${next}`,
              keySchema: null,
              value: { n: next },
              valueSchema: null,
              timestamp: next,
              headers: [],
            })
            out.position({ numbers: 1 }, { next: next + 1 })
          }
          return next < context.config.to ? 'more' : 'end'
        },
      }
    },
  })
}

/** Keeps what it is given; `fault` may throw first. */
function collecting(fault: (batch: SinkBatch) => void = () => undefined) {
  const seen: unknown[] = []
  const sink = defineSink({
    name: 'collect',
    config: { properties: {} },
    start: () => ({
      async put(batch) {
        fault(batch)
        seen.push(...batch.values)
      },
    }),
  })
  return { seen, sink }
}

const upTo = (end: number) => Array.from({ length: end }, (_, n) => ({ n }))
const byNumber = (a: unknown, b: unknown) => Number(Object(a).n) - Number(Object(b).n)

/** Emits two numbers a poll, and tells where it is behind the second; between them `between` may throw, or wait. */
function pairs(between: (signal: AbortSignal) => Promise<void>) {
  return defineSource<NumbersConfig>({
    name: 'pairs',
    config: { required: ['topic', 'to'], properties: { topic: { type: 'string' }, to: { type: 'integer' } } },
    start({ config, signal, storedOffset }) {
      const stored = storedOffset({})?.['next']
      let next = typeof stored === 'number' ? stored : 0
      return {
        async poll(out) {
          const topic = await out.open(config.topic)
          const append = (n: number) => out.append(topic, 0, 0, null, textOut, `{"n":${n}}`, textOut, null)
          append(next)
          await between(signal)
          append(next + 1)
          next += 2
          out.position({}, { next })
          return next < config.to ? 'more' : 'end'
        },
      }
    },
  })
}

const exactlyOnce = { 'exactly.once.support': 'required', 'restart.delay.max.ms': 10 }
const deadLetters = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dead' }
const textOut: ByteWritable<string> = { write: (text, into) => void into.utf8(text) }

it('under exactly-once a poll that fails behind its first record is not in the topic twice', async () => {
  let left = 3
  const runtime = await room.connect([
    pairs(async () => {
      if (left-- > 0) throw new MillraceError('SYSTEM_UNAVAILABLE', 'away')
    }),
  ])
  await runtime.create('src', {
    connector: 'pairs',
    topic: 't',
    to: 6,
    'topic.creation.default.partitions': 1,
    ...exactlyOnce,
  })
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect((await room.read('t', 'read_committed')).map(({ value }) => JSON.parse(value ?? ''))).toEqual(upTo(6))
})

it('under exactly-once a dead letter belongs to the transaction: what is read again is there once', async () => {
  let left = 2
  const source = defineSource<NumbersConfig>({
    name: 'bad',
    config: { properties: {} },
    start: () => ({
      async poll(out) {
        out.reject({ topic: 't', place: 'line 1', error: new Error('no number'), raw: 'x' })
        if (left-- > 0) throw new Error('killed behind it')
        out.position({}, { line: 2 })
        return 'end'
      },
    }),
  })
  const runtime = await room.connect([source])
  await runtime.create('src', { connector: 'bad', ...exactlyOnce, ...deadLetters })
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect((await room.read('dead', 'read_committed')).map(({ value }) => value)).toEqual(['x'])
})

it('under exactly-once a poll that is tried again behind a dead letter has it in the transaction once', async () => {
  let left = 2
  const source = defineSource<NumbersConfig>({
    name: 'bad',
    config: { properties: {} },
    start: () => ({
      async poll(out) {
        out.reject({ topic: 't', place: 'line 1', error: new Error('no number'), raw: 'x' })
        if (left-- > 0) throw new MillraceError('CONNECTION_LOST', 'gone for a moment')
        out.position({}, { line: 2 })
        return 'end'
      },
    }),
  })
  const runtime = await room.connect([source])
  await runtime.create('src', { connector: 'bad', ...exactlyOnce, ...deadLetters })
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect((await room.read('dead', 'read_committed')).map(({ value }) => value)).toEqual(['x'])
})

it('under exactly-once a dead letter is committed though the position behind it is the one before', async () => {
  let isBad = false
  const source = defineSource<NumbersConfig>({
    name: 'bad',
    config: { properties: {} },
    start: () => ({
      async poll(out) {
        if (isBad) out.reject({ topic: 't', place: 'line 1', error: new Error('no number'), raw: 'x' })
        isBad = false
        out.position({}, { at: 7 })
        return 'idle'
      },
    }),
  })
  const runtime = await room.connect([source])
  const often = { 'idle.interval.ms': 1, 'offset.flush.interval.ms': 1 }
  await runtime.create('src', { connector: 'bad', ...exactlyOnce, ...deadLetters, ...often })
  await room.until(() => runtime.progress()[0]?.counts.commits === 1)
  isBad = true
  await room.until(() => runtime.progress()[0]?.counts.commits === 2)
  expect((await room.read('dead', 'read_committed')).map(({ value }) => value)).toEqual(['x'])
})

it('under exactly-once a task that is stopped in the middle of a poll leaves nothing of it', async () => {
  let waiting = 0
  const runtime = await room.connect([
    pairs((signal) => {
      if (waiting++ < 2) return Promise.resolve()
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }),
  ])
  await runtime.create('src', {
    connector: 'pairs',
    topic: 't',
    to: 6,
    'topic.creation.default.partitions': 1,
    ...exactlyOnce,
  })
  await room.until(() => waiting === 3)
  await runtime.stop('src')
  waiting = -10
  await runtime.resume('src')
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect((await room.read('t', 'read_committed')).map(({ value }) => JSON.parse(value ?? ''))).toEqual(upTo(6))
})

it('a source writes everything and says that it is done; started again it adds nothing', async () => {
  const runtime = await room.connect([numbers()])
  await runtime.create('src', { connector: 'numbers', topic: 't', to: 95, 'topic.creation.default.partitions': 3 })
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect(runtime.progress()[0]).toMatchObject({ state: 'STOPPED', counts: { records: 95 } })
  const records = await room.read('t')
  expect(records.map(({ value }) => JSON.parse(value ?? '')).sort(byNumber)).toEqual(upTo(95))
  expect(new Set(records.map(({ partition }) => partition)).size).toBe(3)
  const offsets = await room.read('connect-offsets')
  expect(offsets.at(-1)).toMatchObject({ key: '["src",{"numbers":1}]', value: '{"next":95}' })
  await runtime.restart('src', { includeTasks: true, onlyFailed: false })
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect(await room.read('t')).toHaveLength(95)
})

it('a source that finds nothing new commits nothing', async () => {
  let polls = 0
  const idle = defineSource<NumbersConfig>({
    name: 'idle',
    config: { properties: {} },
    start: () => ({
      async poll(out) {
        polls++
        out.position({}, { at: 7 })
        return 'idle'
      },
    }),
  })
  const runtime = await room.connect([idle])
  const often = { 'idle.interval.ms': 1, 'offset.flush.interval.ms': 1 }
  await runtime.create('plain', { connector: 'idle', ...often })
  await runtime.create('exact', { connector: 'idle', ...often, ...exactlyOnce })
  await room.until(() => runtime.progress().every(({ counts }) => counts.commits === 1))
  polls = 0
  await room.until(() => polls > 40)
  expect(runtime.progress().map(({ counts }) => counts.commits)).toEqual([1, 1])
})

it('a sink that keeps its positions tells its group where it stands, also when nothing new comes', async () => {
  await writeNumbers(3)
  const sink = defineSink({
    name: 'ahead',
    config: { properties: {} },
    exactlyOnce: true,
    start: () => ({
      // It has written all, and was killed before its group knew.
      open: async (partitions) => partitions.map((at) => ({ ...at, offset: offset(3) })),
      put: async () => undefined,
    }),
  })
  const runtime = await room.connect([sink])
  await runtime.create('snk', { connector: 'ahead', topics: 't', 'exactly.once.support': 'required' })
  const admin = room.client.admin()
  await room.until(async () => (await admin.groupOffsets('connect-snk')).get('t', 0)?.offset === 3)
  await admin.close()
})

/** The first numbers, into a topic of one partition. */
async function writeNumbers(count: number): Promise<void> {
  const admin = room.client.admin()
  await admin.createTopics([{ name: 't', partitions: 1 }])
  await admin.close()
  const producer = room.client.producer()
  for (let n = 0; n < count; n++) await producer.send({ topic: 't', value: JSON.stringify({ n }) })
  await producer.close()
}

it('a failed task says why and when it restarts, restarts by itself, and goes on at its stored position', async () => {
  const runtime = await room.connect([numbers({ left: 1 })])
  await runtime.create('src', {
    connector: 'numbers',
    topic: 't',
    to: 50,
    failAt: 25,
    'restart.delay.max.ms': 200,
    'topic.creation.default.partitions': 1,
  })
  await room.until(() => runtime.progress()[0]?.state === 'FAILED')
  const failed = runtime.progress()[0]
  expect(failed?.trace).toContain('the numbers are broken')
  expect(failed?.restartsAtMs).toBeTypeOf('number')
  await room.until(() => runtime.progress()[0]?.completed === true)
  expect(runtime.progress()[0]?.restarts).toBe(1)
  const values = (await room.read('t')).map(({ value }) => JSON.parse(value ?? ''))
  expect(new Set(values.map(({ n }) => n)).size).toBe(50)
})

it('a sink gets every record, and after a restart of the runtime goes on where it committed', async () => {
  const { seen, sink } = collecting()
  const first = await room.connect([numbers(), sink])
  await first.create('snk', { connector: 'collect', topics: 't' })
  await first.create('src', { connector: 'numbers', topic: 't', to: 40, 'topic.creation.default.partitions': 2 })
  await room.until(() => seen.length === 40)
  await first.close()
  const second = await room.connect([numbers(), sink])
  expect(second.names()).toEqual(['snk', 'src'])
  await second.put('src', { connector: 'numbers', topic: 't', to: 60, 'topic.creation.default.partitions': 2 })
  await room.until(() => seen.length >= 60)
  expect([...seen].sort(byNumber)).toEqual(upTo(60))
})

it('a system that cannot be reached: the same batch again, the reason in the status, then it goes on', async () => {
  let away = true
  let tries = 0
  const { seen, sink } = collecting(() => {
    tries++
    if (away) throw new MillraceError('SYSTEM_UNAVAILABLE', 'nobody is at home')
  })
  const runtime = await room.connect([numbers(), sink])
  await runtime.create('src', { connector: 'numbers', topic: 't', to: 10, 'topic.creation.default.partitions': 1 })
  await runtime.create('snk', { connector: 'collect', topics: ['t'], 'errors.retry.delay.max.ms': 20 })
  const status = () => runtime.get('snk').status().tasks[0]
  await room.until(() => tries >= 3)
  expect(status()).toMatchObject({ state: 'RUNNING', reason: expect.stringContaining('nobody is at home') })
  expect(status()?.retryingSinceMs).toBeTypeOf('number')
  expect(status()?.counts.retries).toBeGreaterThan(1)
  away = false
  await room.until(() => seen.length > 0)
  expect(seen).toEqual(upTo(10))
  await room.until(() => status()?.retryingSinceMs === undefined)
})

it('bad records are counted and dead-lettered as they stood, with where and why; the others go on', async () => {
  const producer = room.client.producer()
  const admin = room.client.admin()
  await admin.createTopics([{ name: 't', partitions: 1 }])
  await admin.close()
  for (const value of ['{"n":0}', 'not json', '{"n":1}']) {
    await producer.send({ topic: 't', key: 'k', value, headers: [{ key: 'h', value: 'x' }] })
  }
  await producer.close()
  const { seen, sink } = collecting()
  const runtime = await room.connect([sink])
  const dead = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dead' }
  await runtime.create('snk', { connector: 'collect', topics: 't', ...dead })
  await room.until(() => runtime.progress()[0]?.counts.commits === 1)
  expect(seen).toEqual(upTo(2))
  expect(runtime.progress()[0]?.counts).toMatchObject({ skipped: 1, deadLettered: 1, records: 2 })
  const letters = await room.read('dead')
  expect(letters).toMatchObject([
    {
      key: 'k',
      value: 'not json',
      headers: {
        h: 'x',
        '__connect.errors.topic': 't',
        '__connect.errors.partition': '0',
        '__connect.errors.offset': '1',
        '__connect.errors.connector.name': 'snk',
        '__connect.errors.stage': 'VALUE_CONVERTER',
      },
    },
  ])
})

it('a bad record fails the task where nothing is tolerated, naming its place', async () => {
  const producer = room.client.producer()
  const admin = room.client.admin()
  await admin.createTopics([{ name: 't', partitions: 1 }])
  await producer.send({ topic: 't', value: 'not json' })
  await Promise.all([producer.close(), admin.close()])
  const { sink } = collecting()
  const runtime = await room.connect([sink])
  await runtime.create('snk', { connector: 'collect', topics: 't', 'restart.max': 0 })
  await room.until(() => runtime.progress()[0]?.state === 'FAILED')
  expect(runtime.progress()[0]).toMatchObject({ reason: expect.stringContaining('t-0@0'), restartsAtMs: undefined })
})

it('REST: create, look, pause, resume, stop, delete, and errors in Kafka Connect’s form', async () => {
  const { sink } = collecting()
  const runtime = await room.connect([numbers(), sink], { HIDDEN: 'hunter2' })
  const routes = connectRoutes(runtime)
  const call = async (method: string, path: string, body?: unknown) => {
    for (const route of routes) {
      const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '')
      const match = new RegExp(`^${route.path.replace(/:\w+/g, '([^/]+)')}$`).exec(path)
      if (route.method !== method || match === null) continue
      const params = Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? '']))
      return route.handle({ method, path, params, query: {}, body })
    }
    throw new Error(`no route ${method} ${path}`)
  }
  const config = { connector: 'collect', topics: 't', 'consumer.override.group.id': '${env:HIDDEN}' }
  expect(await call('POST', '/connectors', { name: 'snk', config })).toMatchObject({
    status: 201,
    body: { name: 'snk', type: 'sink' },
  })
  expect(await call('POST', '/connectors', { name: 'snk', config })).toMatchObject({
    status: 409,
    body: { error_code: 409 },
  })
  expect(await call('POST', '/connectors', { name: 'x', config: { connector: 'colect' } })).toMatchObject({
    status: 400,
    body: { error_code: 400, message: expect.stringContaining('Did you mean collect?') },
  })
  expect(await call('GET', '/connectors')).toMatchObject({ body: ['snk'] })
  const shown = await call('GET', '/connectors/snk/config')
  expect(JSON.stringify(shown)).not.toContain('hunter2')
  expect(shown.body).toMatchObject({ 'consumer.override.group.id': '${env:HIDDEN}' })
  expect(JSON.stringify(await room.read('connect-configs'))).not.toContain('hunter2')
  expect(await call('GET', '/connectors/nobody/status')).toMatchObject({ status: 404, body: { error_code: 404 } })
  expect((await call('PUT', '/connectors/snk/pause')).status).toBe(202)
  await room.until(() => runtime.progress()[0]?.state === 'PAUSED')
  expect(await call('GET', '/connectors/snk/status')).toMatchObject({ body: { connector: { state: 'PAUSED' } } })
  await call('PUT', '/connectors/snk/resume')
  expect((await call('PUT', '/connectors/snk/stop')).status).toBe(204)
  expect(await call('GET', '/connectors/snk/status')).toMatchObject({
    body: { connector: { state: 'STOPPED' }, tasks: [] },
  })
  expect((await call('DELETE', '/connectors/snk')).status).toBe(204)
  expect(await call('GET', '/connectors')).toMatchObject({ body: [] })
})

it('nothing starts of a config that is refused', async () => {
  const runtime = await room.connect([numbers()])
  await expect(runtime.create('src', { connector: 'numbers', topic: 't' })).rejects.toThrow(ConnectorConfigError)
  expect(runtime.names()).toEqual([])
  expect(await room.read('connect-configs')).toEqual([])
})
