import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startPostgres, type TestPostgres } from '../../../connectors/postgres/test/postgres-server.ts'
import { MillraceRoom } from '../src/millrace-room.ts'

let room: MillraceRoom
let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startPostgres()
  room = await MillraceRoom.open()
})

afterAll(async () => {
  await room.close()
  await postgres.remove()
})

/** The one task of a connector. */
async function task(name: string) {
  const connect = await room.millrace.connect(room.directory)
  const found = connect.progress().find(({ connector }) => connector === name)
  if (found === undefined) throw new Error(`no task of ${name}`)
  return found
}

async function put(name: string, config: Readonly<Record<string, string | number | boolean | object>>): Promise<void> {
  const connect = await room.millrace.connect(room.directory)
  await connect.put(name, JSON.parse(JSON.stringify(config)))
}

/** How far a sink has written for good. */
async function committed(name: string, topic: string): Promise<number> {
  const admin = room.millrace.client.admin()
  const offsets = await admin.groupOffsets(`connect-${name}`)
  await admin.close()
  return offsets.get(topic, 0)?.offset ?? 0
}

test('malformed lines: dead-lettered or fatal as configured, counted either way, and the others go on', async () => {
  writeFileSync(join(room.directory, 'in.jsonl'), '{"id":1}\n{"id":2\n{"id":3}\n')
  writeFileSync(join(room.directory, 'in.csv'), 'id,price\n1,10\n2,ten\n3\n4,40\n')
  await room.createTopics('json', 'csv', 'strict', 'json-dead', 'csv-dead')
  const source = { connector: 'file-source' }
  const tolerant = (topic: string) => ({
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': `${topic}-dead`,
    topic,
  })
  const columns = [
    { name: 'id', type: 'integer' },
    { name: 'price', type: 'number' },
  ]
  await put('json', { ...source, path: 'in.jsonl', format: 'jsonl', ...tolerant('json') })
  await put('csv', { ...source, path: 'in.csv', format: 'csv', fields: columns, ...tolerant('csv') })
  await put('strict', { ...source, path: 'in.jsonl', format: 'jsonl', topic: 'strict' })

  await room.until(async () => (await task('json')).completed && (await task('csv')).completed)
  expect((await room.read('json')).map(({ value }) => value)).toEqual(['{"id":1}', '{"id":3}'])
  expect((await task('json')).counts).toMatchObject({ records: 2, skipped: 1, deadLettered: 1 })
  const [bad] = await room.read('json-dead')
  expect(bad?.value).toBe('{"id":2')
  expect(Object.values(bad?.headers ?? {}).join('\n')).toMatch(/in\.jsonl.*2/)

  expect((await room.read('csv')).map(({ value }) => value)).toEqual(['{"id":1,"price":10}', '{"id":4,"price":40}'])
  expect((await task('csv')).counts).toMatchObject({ records: 2, skipped: 2, deadLettered: 2 })

  await room.until(async () => (await task('strict')).state === 'FAILED')
  const { reason, counts, restartsAtMs } = await task('strict')
  expect(reason).toMatch(/in\.jsonl.*2/)
  expect(counts.deadLettered).toBe(0)
  expect(restartsAtMs).toBeGreaterThan(0)
  expect((await room.read('strict'))[0]?.value).toBe('{"id":1}')
})

test('an unreachable PostgreSQL is retried with its reason in the status, and goes on when it comes back; others do not wait', async () => {
  await room.createTopics('orders', 'orders-dead')
  await postgres.crash()
  const columns = [
    { name: 'id', type: 'integer' },
    { name: 'amount', type: 'smallint' },
  ]
  await put('orders-postgres', {
    connector: 'postgres-sink',
    topics: 'orders',
    url: postgres.url,
    table: 'orders',
    'primary.key': ['id'],
    columns,
    'errors.tolerance': 'all',
    'errors.deadletterqueue.topic.name': 'orders-dead',
    'errors.retry.delay.max.ms': 500,
    'offset.flush.interval.ms': 100,
  })
  await put('orders-file', {
    connector: 'file-sink',
    topics: 'orders',
    path: 'orders.jsonl',
    'offset.flush.interval.ms': 100,
  })
  const rows = Array.from({ length: 50 }, (_, id) => JSON.stringify({ id, amount: id === 7 ? 40_000 : id }))
  await room.send('orders', rows)

  await room.until(async () => (await task('orders-postgres')).counts.retries >= 2)
  const { reason, retryingSinceMs, state } = await task('orders-postgres')
  expect(reason).toContain(`127.0.0.1:${postgres.port}`)
  expect(reason).not.toContain('hunter2')
  expect(retryingSinceMs).toBeGreaterThan(0)
  expect(state).not.toBe('FAILED')
  const file = join(room.directory, 'orders.jsonl')
  await room.until(() => existsSync(file) && readFileSync(file, 'utf8').split('\n').length === 51)

  await postgres.start()
  await room.until(async () => (await committed('orders-postgres', 'orders')) >= 50)
  await room.until(async () => (await room.read('orders-dead')).length > 0)
  expect((await task('orders-postgres')).retryingSinceMs).toBeUndefined()
  // A value its column cannot hold costs its own record.
  expect(await postgres.query('select count(*)::int as n from orders')).toEqual([{ n: 49 }])
  const [dead] = await room.read('orders-dead')
  expect(dead?.value).toBe(rows[7])
  const why = Object.values(dead?.headers ?? {}).join('\n')
  expect(why).toMatch(/amount/)
  expect(why).toMatch(/40000/)

  // Away in the middle of the work: nothing is lost.
  await postgres.crash()
  await room.send('orders', [JSON.stringify({ id: 100, amount: 1 })])
  await room.until(async () => (await task('orders-postgres')).retryingSinceMs !== undefined)
  await postgres.start()
  await room.until(async () => (await committed('orders-postgres', 'orders')) >= 51)
  expect(await postgres.query('select count(*)::int as n from orders')).toEqual([{ n: 50 }])
})

test('a source that follows a file takes what is added after a bad line', async () => {
  const file = join(room.directory, 'growing.jsonl')
  writeFileSync(file, '')
  await room.createTopics('growing')
  await put('growing', {
    connector: 'file-source',
    path: 'growing.jsonl',
    format: 'jsonl',
    topic: 'growing',
    follow: true,
    'errors.tolerance': 'all',
  })
  appendFileSync(file, 'nonsense\n{"id":1}\n')
  await room.until(async () => (await task('growing')).counts.records === 1)
  expect((await task('growing')).counts).toMatchObject({ skipped: 1, deadLettered: 0 })
})
