import { sinkBatchOf } from '@millrace/connect-api'
import { codeOf, messageOf } from '@millrace/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startPostgres, type TestPostgres } from './postgres-server.ts'
import { startSink } from './sink-room.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.remove())
beforeEach(async () => {
  await postgres.query('drop table if exists things, millrace_sink_positions, "Odd ""name"')
})

const rows = (order = 'id') => postgres.query(`select * from things order by ${order}`)

describe('rows', () => {
  it('are inserted, updated with the last of a batch, and deleted by tombstones', async () => {
    const sink = await startSink({ url: postgres.url })
    await sink.put([
      { key: 'a', value: { n: 1 } },
      { key: 'b', value: { n: 2 } },
      { key: 'a', value: { n: 3 } },
    ])
    await sink.task.flush?.()
    expect(await rows()).toEqual([
      { id: 'a', n: 3 },
      { id: 'b', n: 2 },
    ])
    await sink.put([
      { key: 'b', value: { n: 4 } },
      { key: 'b', value: null },
      { key: 'c', value: null },
      { key: 'c', value: { n: 5 } },
    ])
    await sink.stop()
    expect(await rows()).toEqual([
      { id: 'a', n: 3 },
      { id: 'c', n: 5 },
    ])
  })

  it('equal a table kept by hand, for any history of upserts and deletes in any batches', async () => {
    const sink = await startSink({ url: postgres.url })
    const record = fc.record({
      key: fc.constantFrom('a', 'b', 'c\t', 'd\\N', 'e\n', '"', "'", 'ü', '', ' '),
      value: fc.option(fc.record({ n: fc.integer({ min: -2147483648, max: 2147483647 }) }), { freq: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(record, { maxLength: 12 }), { maxLength: 6 }), async (batches) => {
        await postgres.query('truncate things')
        const expected = new Map<string, number>()
        for (const batch of batches) {
          await sink.put(batch)
          for (const { key, value } of batch) {
            if (value === null) expected.delete(key)
            else expected.set(key, value.n)
          }
        }
        await sink.task.flush?.()
        const found = new Map((await rows()).map(({ id, n }) => [id, n]))
        expect(found).toEqual(expected)
      }),
      { numRuns: 60 },
    )
    await sink.stop()
    expect(sink.rejected).toEqual([])
  })

  it('of windowed keys, times, JSON, arrays and odd names', async () => {
    const sink = await startSink({
      url: postgres.url,
      table: 'Odd "name',
      columns: [
        { name: 'origin', type: 'text', from: 'key', split: '~', part: 0 },
        { name: 'select', type: 'text', from: 'key', split: '~', part: 1 },
        { name: 'hour', type: 'timestamptz', from: 'window.start' },
        { name: 'big', type: 'bigint' },
        { name: 'exact', type: 'numeric(10,2)' },
        { name: 'yes', type: 'boolean' },
        { name: 'doc', type: 'jsonb' },
        { name: 'tags', type: 'text[]' },
        { name: 'seen', type: 'timestamptz', from: 'timestamp' },
      ],
      'primary.key': ['origin', 'select', 'hour'],
    })
    const key = { key: 'ATL~ORD', start: 978_307_200_000, end: 978_310_800_000 }
    const value = { big: '9007199254740993', exact: 1.25, yes: true, doc: { a: [1] }, tags: ['x"', '{,}\\'] }
    await sink.put([{ key, value, timestamp: 1000 }])
    await sink.stop()
    expect(sink.rejected).toEqual([])
    expect(await postgres.query('select *, hour::text as h from "Odd ""name"')).toMatchObject([
      {
        origin: 'ATL',
        select: 'ORD',
        hour: new Date('2001-01-01T00:00:00Z'),
        big: '9007199254740993',
        exact: '1.25',
        yes: true,
        doc: { a: [1] },
        tags: ['x"', '{,}\\'],
        seen: new Date(1000),
      },
    ])
  })

  it('are appended in insert mode', async () => {
    const sink = await startSink({ url: postgres.url, 'insert.mode': 'insert', 'primary.key': undefined })
    await sink.put([
      { key: 'a', value: { n: 1 } },
      { key: 'a', value: { n: 1 } },
    ])
    await sink.stop()
    expect(await rows()).toHaveLength(2)
  })
})

describe('a value its column cannot hold', () => {
  const columns = [
    { name: 'id', type: 'text', from: 'key' },
    { name: 'n', type: 'integer' },
    { name: 'code', type: 'varchar(3)' },
    { name: 'share', type: 'numeric(3,2)' },
  ]
  const good = (key: string) => ({ key, value: { n: 1, code: 'abc', share: 0.5 } })
  const bad: readonly [string, object, RegExp][] = [
    ['text for a number', { n: 'x', code: 'a', share: 0 }, /column n \(integer\) cannot hold the value \(got "x"\)/],
    ['a fraction for a whole number', { n: 1.5 }, /column n \(integer\).*got 1.5/],
    ['a number past the type', { n: 2147483648 }, /column n \(integer\)/],
    [
      'text too long, which only Postgres knows',
      { n: 1, code: 'abcd' },
      /column code cannot hold the value: .*too long/,
    ],
    ['a numeric overflow', { n: 1, share: 12 }, /numeric field overflow/],
    ['a NUL in text', { n: 1, code: 'a\0' }, /column code/],
  ]
  it.each(bad)('%s is rejected by itself, the rest of the batch is written', async (_what, value, message) => {
    const sink = await startSink({ url: postgres.url, columns })
    const records = [...Array(20).keys()].map((i) => good(`k${i}`))
    await sink.put([...records.slice(0, 7), { key: 'bad', value }, ...records.slice(7)])
    await sink.stop()
    expect(sink.rejected).toEqual([{ offset: 7, message: expect.stringMatching(message) }])
    expect(await rows()).toHaveLength(20)
  })

  it('fails the task where nothing is tolerated', async () => {
    const sink = await startSink({ url: postgres.url, columns }, false)
    await expect(sink.put([{ key: 'bad', value: { n: 'x' } }])).rejects.toMatchObject({ code: 'BAD_RECORD' })
    await sink.stop()
  })

  it('and a key that is missing', async () => {
    const sink = await startSink({ url: postgres.url })
    await sink.put([{ key: null, value: { n: 1 } }, good('a')])
    await sink.stop()
    expect(sink.rejected).toMatchObject([{ offset: 0 }])
    expect(await rows()).toHaveLength(1)
  })
})

describe('a server that is not there', () => {
  it('is told as SYSTEM_UNAVAILABLE, with its address and without the password', async () => {
    const error = await startSink({ url: 'postgres://me:hunter2@127.0.0.1:1/db' }).catch((thrown: unknown) => thrown)
    expect(codeOf(error)).toBe('SYSTEM_UNAVAILABLE')
    expect(messageOf(error)).toContain('127.0.0.1:1/db')
    expect(messageOf(error)).not.toContain('hunter2')
  })

  it('may go away and come back: the same put succeeds', async () => {
    const sink = await startSink({ url: postgres.url })
    await sink.put([{ key: 'a', value: { n: 1 } }])
    await sink.task.flush?.()
    await postgres.crash()
    const two = [{ key: 'a', value: { n: 2 } }]
    const three = [{ key: 'b', value: { n: 3 } }]
    await sink.put(two)
    await expect(sink.put(three)).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' })
    await expect(sink.put(three)).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' })
    await postgres.start()
    await sink.put(three)
    await sink.task.flush?.()
    await sink.stop()
    expect(await rows()).toEqual([
      { id: 'a', n: 2 },
      { id: 'b', n: 3 },
    ])
  })

  it('what failed of partitions that were taken away is not written', async () => {
    const sink = await startSink({ url: postgres.url })
    await postgres.crash()
    await sink.put([
      { key: 'a', value: { n: 1 }, partition: 0 },
      { key: 'b', value: { n: 1 }, partition: 1 },
    ])
    await expect(sink.task.flush?.()).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' })
    await sink.task.close?.([{ topic: 'topic', partition: 0 }])
    await postgres.start()
    await sink.task.flush?.()
    await sink.stop()
    expect(await rows()).toEqual([{ id: 'b', n: 1 }])
  })

  it('a table without the columns is no reason to retry: the error says what to add', async () => {
    await postgres.query('create table things (id text primary key)')
    const sink = await startSink({ url: postgres.url })
    await sink.put([{ key: 'a', value: { n: 1 } }])
    await expect(sink.task.flush?.()).rejects.toThrow(/"n".*add them/)
    await sink.stop()
  })
})

describe('under exactly-once', () => {
  const at = sinkBatchOf([{}]).ends[0]!
  const append = { 'insert.mode': 'insert', 'primary.key': undefined } as const
  const start = async () => {
    const sink = await startSink({ url: postgres.url, ...append }, true, true)
    const position = (await sink.task.open?.([at]))?.[0]?.offset
    return { ...sink, position }
  }
  const record = (offset: number) => ({ offset, key: `k${offset}`, value: { n: offset } })
  const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))

  it('a batch and the position behind it are one transaction', async () => {
    const first = await start()
    expect(first.position).toBeUndefined()
    await first.put(records(0, 5))
    await first.put(records(5, 9))
    // It dies here: the group knows of nothing, the database of both batches.
    await first.stop()
    const second = await start()
    expect(second.position).toBe(9)
    expect(await second.task.open?.([{ ...at, topicId: 'of a topic made anew' }])).toEqual([])
    await second.put(records(9, 12))
    await second.stop()
    expect(await rows('n')).toEqual(records(0, 12).map(({ key, value }) => ({ id: key, ...value })))
  })

  it('rows that are refused are passed over, and the position with them', async () => {
    const sink = await start()
    const bad = { key: 'bad', value: { n: 'ten' } }
    await sink.put([record(0), record(1), { ...bad, offset: 2 }, record(3), { ...bad, offset: 4 }, record(5)])
    await sink.put([{ ...bad, offset: 6 }])
    await sink.task.flush?.()
    expect(sink.rejected.map(({ offset }) => offset)).toEqual([2, 4, 6])
    expect((await rows('n')).map(({ n }) => n)).toEqual([0, 1, 3, 5])
    await sink.stop()
    const again = await start()
    expect(again.position).toBe(7)
    await again.stop()
  })

  it('a task that was replaced without its knowledge writes nothing', async () => {
    const zombie = await start()
    await zombie.put(records(0, 2))
    await zombie.task.flush?.()
    const owner = await start()
    await owner.put(records(2, 6))
    await owner.task.flush?.()
    await zombie.put(records(2, 4))
    await expect(zombie.task.flush?.()).rejects.toThrow('another task has written these records')
    await zombie.stop()
    await owner.stop()
    expect((await rows('n')).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5])
  })
})
