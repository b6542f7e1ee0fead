import { median } from '../benchmark.ts'
import { type Circumstances, circumstancesLine } from '../report.ts'
import type { Aim, Row, Side } from './row.ts'

export interface KafkaReport extends Circumstances {
  /** Load of one minute when it began and when it ended. */
  readonly load: readonly [number, number]
  readonly seconds: number
  readonly rows: readonly Row[]
}

const columns = ['work', 'unit', 'Apache Kafka', 'ours, synced', 'ratio', 'ours, `acks.all.sync=false`', 'ratio', 'aim']

/** Ours over theirs, both from one run. */
export function kafkaTable(report: KafkaReport): string {
  const lines = [
    circumstancesLine(report),
    '',
    `Load average ${report.load.map((load) => load.toFixed(1)).join(' to ')}; ${Math.round(report.seconds)} s.`,
    '',
    `| ${columns.join(' | ')} |`,
    '|---|---|---:|---:|---:|---:|---:|---|',
    ...report.rows.map(rowText),
  ]
  return `${lines.join('\n')}\n`
}

function rowText(row: Row): string {
  const { kafka, synced, unsynced, client } = row.values
  // A client of ours stands where a broker of ours would: the aim is for it.
  const aimed = unsynced ?? client
  const cells = [
    row.work,
    row.unit,
    valueText(kafka),
    valueText(synced),
    ratioText(synced, kafka),
    valueText(aimed),
    ratioText(aimed, kafka),
    row.aim === undefined ? '' : `${aimText(row.aim)}${verdict(row, aimed === undefined ? 'synced' : sideOf(row))}`,
  ]
  return `| ${cells.join(' | ')} |`
}

function sideOf(row: Row): Side {
  return row.values.unsynced === undefined ? 'client' : 'unsynced'
}

function aimText({ is, ratio }: Aim): string {
  return `${is === 'at least' ? '≥' : '≤'} ${ratio <= 0.2 ? `1/${Math.round(1 / ratio)}` : ratio}`
}

function verdict(row: Row, side: Side): string {
  const ratio = ratioOf(row.values[side], row.values.kafka)
  if (row.aim === undefined || ratio === undefined) return ''
  const met = row.aim.is === 'at least' ? ratio >= row.aim.ratio : ratio <= row.aim.ratio
  return met ? ', met' : ', **missed**'
}

function ratioOf(ours: readonly number[] | undefined, theirs: readonly number[] | undefined): number | undefined {
  if (ours === undefined || theirs === undefined) return undefined
  return median(ours) / median(theirs)
}

function ratioText(ours: readonly number[] | undefined, theirs: readonly number[] | undefined): string {
  const ratio = ratioOf(ours, theirs)
  return ratio === undefined ? '' : `${ratio.toFixed(2)} ×`
}

function valueText(values: readonly number[] | undefined): string {
  if (values === undefined) return ''
  const middle = digits(median(values))
  if (values.length === 1) return middle
  return `${middle} (${digits(Math.min(...values))} to ${digits(Math.max(...values))})`
}

function digits(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
