import { expect, test } from 'vitest'
import { type KafkaReport, kafkaTable } from '../src/kafka/kafka-table.ts'
import { atLeast, atMost, Rows } from '../src/kafka/row.ts'

function linesOf(rows: Rows): string[] {
  const where = { command: 'c', date: 'd', machine: 'm', runtime: 'r' }
  const report: KafkaReport = { ...where, load: [1, 2], seconds: 3, rows: rows.all() }
  return kafkaTable(report).trimEnd().split('\n').slice(6)
}

test('a ratio is of medians, the aim is for the broker that does not sync', () => {
  const rows = new Rows()
  for (const value of [100, 300, 200]) rows.add('produce', 'records/s', atLeast(1), 'kafka', value)
  rows.add('produce', 'records/s', atLeast(1), 'synced', 100)
  rows.add('produce', 'records/s', atLeast(1), 'unsynced', 300)
  expect(linesOf(rows)).toEqual(['| produce | records/s | 200 (100 to 300) | 100 | 0.50 × | 300 | 1.50 × | ≥ 1, met |'])
})

test('a client stands where a broker would; what misses its aim says so', () => {
  const rows = new Rows()
  rows.add('consume', 'µs CPU a record', atMost(1 / 5), 'kafka', 2)
  rows.add('consume', 'µs CPU a record', atMost(1 / 5), 'client', 1)
  expect(linesOf(rows)).toEqual(['| consume | µs CPU a record | 2.00 |  |  | 1.00 | 0.50 × | ≤ 1/5, **missed** |'])
})

test('without the other side there is no ratio and no verdict', () => {
  const rows = new Rows()
  rows.add('start', 'ms', atMost(1 / 6), 'unsynced', 12.34)
  expect(linesOf(rows)).toEqual(['| start | ms |  |  |  | 12.3 |  | ≤ 1/6 |'])
})
