import { amount, circumstancesLine } from '../report.ts'
import type { NexmarkReport } from './nexmark-report.ts'
import type { PeerReport, PeerRun } from './peer-report.ts'

interface Row extends Omit<PeerRun, 'othersCpuS'> {
  readonly by: string
  readonly othersCpuS: number | undefined
  readonly slowest: number
  readonly fastest: number
}

const columns = [
  'query',
  'by',
  'events/s',
  'slowest to fastest run',
  'wall',
  'process start to end',
  'CPU',
  'max RSS',
  'output records',
  'others',
  'result',
]

/** Each query's median run, with that of the peer below it. */
export function nexmarkTables(report: NexmarkReport, peer: PeerReport | undefined): string {
  const lines = [
    circumstancesLine(report),
    ...(peer === undefined ? [] : ['', circumstancesLine(peer)]),
    '',
    `| ${columns.join(' | ')} |`,
    '|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|',
  ]
  const ratios = ['| query | events/s | CPU for the same work |', '|---|---:|---:|']
  for (const query of new Set(report.runs.map((run) => run.query))) {
    const ours = medianRow('Millrace', report.runs, query)
    const theirs = peer === undefined ? undefined : medianRow(peer.by, peer.runs, query)
    for (const row of [ours, theirs]) if (row !== undefined) lines.push(rowText(row))
    if (ours === undefined || theirs === undefined) continue
    const [rate, cpu] = [ours.eventsPerS / theirs.eventsPerS, ours.cpuS / theirs.cpuS]
    ratios.push(`| ${query} | ${rate.toFixed(2)} × | ${cpu.toFixed(2)} × |`)
  }
  const comparison = peer === undefined ? '' : `\nMillrace by ${peer.by}:\n\n${ratios.join('\n')}\n`
  return `${lines.join('\n')}\n${comparison}`
}

type Run = Omit<Row, 'by' | 'slowest' | 'fastest'>

function medianRow(by: string, all: readonly Run[], query: string): Row | undefined {
  const runs = all.filter((run) => run.query === query).sort((a, b) => a.eventsPerS - b.eventsPerS)
  const middle = runs[runs.length >> 1]
  if (middle === undefined) return undefined
  return { ...middle, by, slowest: runs[0]!.eventsPerS, fastest: runs.at(-1)!.eventsPerS }
}

function rowText(row: Row): string {
  const seconds = (value: number | undefined) => (value === undefined ? '' : `${value.toFixed(1)} s`)
  const cells = [
    row.query,
    row.by,
    amount(row.eventsPerS),
    row.slowest === row.fastest ? '' : `${amount(row.slowest)} to ${amount(row.fastest)}`,
    seconds(row.wallS),
    seconds(row.fromStartS),
    seconds(row.cpuS),
    `${Math.round(row.maxRssMb)} MB`,
    row.outputRecords.toLocaleString('en-US'),
    seconds(row.othersCpuS === undefined ? undefined : Math.max(0, row.othersCpuS)),
    row.match ? 'equal' : 'DIFFERS',
  ]
  return `| ${cells.join(' | ')} |`
}
