import { readFileSync } from 'node:fs'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { describe, expect, it } from 'vitest'
import { dataFile, runSource } from './source-room.ts'

const path = dataFile('flights-3m.parquet')

describe('Parquet', () => {
  it('rows equal what the library reads row by row; resumed in the middle of a row group nothing is missing or twice', async () => {
    const bytes = readFileSync(path)
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
    const expected = await parquetReadObjects({ file, compressors, rowEnd: 300_000 })
    const config = { path, format: 'parquet', 'key.field': 'origin', 'timestamp.field': 'date' } as const
    const first = await runSource({ ...config, limit: 270_000 })
    await first.drain()
    expect(first.offset).toEqual({ row: 270_000 })
    const second = await runSource({ ...config, limit: 300_000 }, { from: first.offset })
    expect(await second.drain()).toBe('end')
    await Promise.all([first.stop(), second.stop()])
    const records = [...first.records, ...second.records]
    expect(records).toHaveLength(300_000)
    const wrong = records.findIndex(({ key, value, timestampMs }, i) => {
      const row = expected[i]!
      const plain = JSON.stringify({ ...row, delay: Number(row['delay']), distance: Number(row['distance']) })
      return value !== plain || key !== row['origin'] || timestampMs !== row['date'].getTime()
    })
    expect(wrong).toBe(-1)
  })

  it('fields are chosen and renamed; times may be numbers', async () => {
    const fields = [{ name: 'from', from: 'origin' }, { name: 'date' }]
    const run = await runSource({ path, format: 'parquet', fields, limit: 1, 'time.output': 'epoch-ms', timestamp: 0 })
    await run.drain()
    await run.stop()
    expect(run.records).toEqual([{ timestampMs: 0, key: null, value: '{"from":"LAS","date":978307260000}' }])
  })

  it('a column that is not there, and a file that is no Parquet', async () => {
    await expect(runSource({ path, format: 'parquet', 'key.field': 'orign' })).rejects.toThrow(/Did you mean origin\?/)
    const csv = dataFile('airports.csv')
    await expect(runSource({ path: csv, format: 'parquet' })).rejects.toMatchObject({ code: 'CORRUPT_FILE' })
  })
})
