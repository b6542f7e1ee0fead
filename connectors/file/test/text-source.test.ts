import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { converterOf } from '@millrace/connect-api'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dataFile, problemsOf, runSource } from './source-room.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'file-source-'))
  path = join(directory, 'in.txt')
})
afterEach(() => rmSync(directory, { recursive: true }))

const text = converterOf('value.converter', 'string')

describe('lines', () => {
  it('are values, whatever ends them; the last needs no end', async () => {
    writeFileSync(path, 'a\r\n\nc d\nü')
    const run = await runSource({ path, timestamp: 7 }, { value: text })
    expect(await run.drain()).toBe('end')
    expect(run.records.map(({ value }) => value)).toEqual(['a', '', 'c d', 'ü'])
    expect(run.records[0]).toEqual({ timestampMs: 7, key: null, value: 'a' })
    expect(run.progress.done).toBe(run.progress.total)
    await run.stop()
  })

  it('of any lengths come whole and in order, also across the reader’s buffer', async () => {
    const lengths = fc.array(fc.oneof(fc.nat(80), fc.integer({ min: 200_000, max: 700_000 })), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(lengths, fc.constantFrom('\n', '\r\n'), async (sizes, end) => {
        const lines = sizes.map((size, i) => String(i % 10).repeat(size))
        writeFileSync(path, lines.map((line) => line + end).join(''))
        const run = await runSource({ path, timestamp: 0 }, { value: text })
        await run.drain()
        await run.stop()
        expect(run.records.map(({ value }) => value === '' || value.length).join()).toBe(
          lines.map((line) => line === '' || line.length).join(),
        )
        expect(run.records.every(({ value }, i) => value === lines[i])).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it('beyond the limit are bad input, and the next line is read', async () => {
    writeFileSync(path, `a\n${'x'.repeat(3_000_000)}\nb\n`)
    const run = await runSource({ path, timestamp: 0, 'line.bytes.max': 1000 }, { value: text, tolerant: true })
    await run.drain()
    await run.stop()
    expect(run.records.map(({ value }) => value)).toEqual(['a', 'b'])
    expect(run.rejected).toMatchObject([{ place: `${path}:2` }])
  })

  it('of a growing file are followed; an unfinished line waits', async () => {
    const run = await runSource({ path, timestamp: 0, follow: true }, { value: text })
    expect(await run.poll()).toBe('idle')
    writeFileSync(path, 'a\nb')
    expect(await run.drain()).toBe('idle')
    expect(run.records.map(({ value }) => value)).toEqual(['a'])
    appendFileSync(path, 'c\nd\n')
    await run.drain()
    expect(run.records.map(({ value }) => value)).toEqual(['a', 'bc', 'd'])
    writeFileSync(path, 'new\n')
    await run.drain()
    expect(run.records.at(-1)?.value).toBe('new')
    await run.stop()
  })
})

describe('reading goes on at the stored position', () => {
  it('after any line, for every format', async () => {
    const files = [
      { format: 'lines', content: 'a\nb\nc\nd\n' },
      { format: 'jsonl', content: '{"n":1}\n\n{"n":2}\n{"n":3}\n' },
      { format: 'csv', content: '\ufeffname,text\nx,"1\n2"\ny,"a,""b"\nz,3\n' },
    ] as const
    for (const { format, content } of files) {
      for (let limit = 0; limit <= 4; limit++) {
        writeFileSync(path, content)
        const whole = await runSource({ path, format, timestamp: 0 })
        await whole.drain()
        const first = await runSource({ path, format, timestamp: 0, limit })
        await first.drain()
        const second = await runSource({ path, format, timestamp: 0 }, { from: first.offset })
        await second.drain()
        expect([...first.records, ...second.records]).toEqual(whole.records)
        await Promise.all([whole.stop(), first.stop(), second.stop()])
      }
    }
  })
})

describe('JSON lines', () => {
  it('are copied as they stand; key and timestamp come from their fields', async () => {
    writeFileSync(path, '{ "id": 7, "at": "2001-01-02T03:04:05", "x": [1] }\n')
    const run = await runSource({ path, format: 'jsonl', 'key.template': 'k-{id}', 'timestamp.field': 'at' })
    await run.drain()
    await run.stop()
    expect(run.records).toEqual([
      {
        timestampMs: Date.UTC(2001, 0, 2, 3, 4, 5),
        key: 'k-7',
        value: '{ "id": 7, "at": "2001-01-02T03:04:05", "x": [1] }',
      },
    ])
  })

  it('that are not JSON, or lack their key or time, are bad input naming file and line', async () => {
    writeFileSync(path, '{"id":1,"at":0}\n{oops\n{"at":1}\n{"id":2,"at":"soon"}\n{"id":3,"at":-1}\n')
    const config = { path, format: 'jsonl', 'key.field': 'id', 'timestamp.field': 'at' } as const
    const run = await runSource(config, { tolerant: true })
    await run.drain()
    await run.stop()
    expect(run.records).toHaveLength(1)
    expect(run.rejected.map(({ place }) => place)).toEqual([2, 3, 4, 5].map((line) => `${path}:${line}`))
    expect(run.rejected[0]).toMatchObject({ raw: '{oops', message: expect.stringContaining('is not JSON') })
    expect(run.rejected[2]?.message).toContain('field at is not a time')
    const strict = await runSource(config)
    await expect(strict.drain()).rejects.toMatchObject({ code: 'BAD_RECORD' })
    await strict.stop()
  })
})

describe('CSV', () => {
  it('becomes JSON objects with the fields chosen, renamed and cast', async () => {
    writeFileSync(path, 'iata,name,lat,open,n\nATL,"Hart""s, field",33.6,true,12\nORD,,,,\n')
    const fields = [
      { name: 'code', from: 'iata' },
      { name: 'name' },
      { name: 'lat', type: 'number' },
      { name: 'open', type: 'boolean' },
      { name: 'n', type: 'integer' },
    ] as const
    const run = await runSource({ path, format: 'csv', fields, 'key.field': 'iata', timestamp: 0 })
    await run.drain()
    await run.stop()
    expect(run.records.map(({ key }) => key)).toEqual(['ATL', 'ORD'])
    expect(run.records.map(({ value }) => JSON.parse(value))).toEqual([
      { code: 'ATL', name: 'Hart"s, field', lat: 33.6, open: true, n: 12 },
      { code: 'ORD', name: '', lat: null, open: null, n: null },
    ])
  })

  it('equals what was written, for any cells', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'ü', ';', '\t') })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 8 }), async (rows) => {
        const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`
        writeFileSync(path, ['a,b', ...rows.map((row) => row.map(quoted).join())].join('\n'))
        const run = await runSource({ path, format: 'csv', timestamp: 0 })
        await run.drain()
        await run.stop()
        expect(run.records.map(({ value }) => JSON.parse(value))).toEqual(rows.map(([a, b]) => ({ a, b })))
      }),
      { numRuns: 200 },
    )
  })

  it('with bad rows: each is named, the others go on', async () => {
    writeFileSync(path, 'id,n\n1,2\n3\n4,5,6\nx,y\n,7\n8,"9\n')
    const fields = [{ name: 'n', type: 'integer' }] as const
    const run = await runSource({ path, format: 'csv', fields, 'key.field': 'id', timestamp: 0 }, { tolerant: true })
    await run.drain()
    await run.stop()
    expect(run.records).toEqual([{ timestampMs: 0, key: '1', value: '{"n":2}' }])
    expect(run.rejected.map(({ place }) => place)).toEqual([3, 4, 5, 6, 7].map((line) => `${path}:${line}`))
    expect(run.rejected[2]?.message).toMatch(/field n is not a whole number.*"y"/)
    expect(run.rejected[4]).toMatchObject({ raw: '8,"9', message: expect.stringContaining('quoted field has no end') })
  })

  it('with a column that is not there names the nearest', async () => {
    writeFileSync(path, 'iata,name\nATL,x\n')
    const run = await runSource({ path, format: 'csv', 'key.field': 'itaa', timestamp: 0 })
    await expect(run.drain()).rejects.toThrow(/key.field.*Did you mean iata\?/)
    await run.stop()
  })

  it('of the airports is read as an independent parser reads it', async () => {
    const airports = dataFile('airports.csv')
    const expected = parse(readFileSync(airports), { columns: true })
    const run = await runSource({ path: airports, format: 'csv', 'key.field': 'iata', timestamp: 0 })
    await run.drain()
    await run.stop()
    expect(run.records.map(({ value }) => JSON.parse(value))).toEqual(expected)
    expect(run.records).toHaveLength(3376)
  })
})

describe('a config is refused', () => {
  const table: readonly [object, string][] = [
    [{ path: '/nowhere/file.txt' }, 'path'],
    [{ 'key.field': 'a' }, 'key.field'],
    [{ format: 'jsonl', 'key.field': 'a', 'key.template': '{a}' }, 'key.template'],
    [{ format: 'jsonl', 'key.template': 'a' }, 'key.template'],
    [{ timestamp: 0, format: 'csv', 'timestamp.field': 'x' }, 'timestamp'],
    [{ 'timestamp.format': 'dd/MM' }, 'timestamp.format'],
    [{ 'timestamp.format': 'yyyy-QQ' }, 'timestamp.format'],
    [{ format: 'csv', 'csv.header': false }, 'csv.header'],
    [{ format: 'parquet', follow: true }, 'follow'],
  ]
  it.each(table)('%o', (config, option) => {
    writeFileSync(path, '')
    expect(problemsOf({ path, ...config }).map((problem) => problem.option)).toEqual([option])
  })
})
