import { cpus, totalmem } from 'node:os'
import type { Result } from './benchmark.ts'
import type { Figure } from './figure.ts'

/** Where and when something was measured. */
export interface Circumstances {
  readonly command: string
  readonly date: string
  readonly machine: string
  /** `Node v20.20.2`, or what else ran it. */
  readonly runtime: string
}

/** One suite's results, as they lie in `results/<suite>.json`. */
export interface Report extends Circumstances {
  readonly suite: string
  readonly results: readonly Result[]
  readonly figures: readonly Figure[]
}

export function circumstances(command: string): Circumstances {
  const cores = cpus()
  return {
    command,
    date: new Date().toISOString().slice(0, 10),
    machine: [
      `${cores.length} × ${cores[0]?.model ?? 'unknown'}`,
      `${Math.round(totalmem() / 2 ** 30)} GiB`,
      `${process.platform}-${process.arch}`,
    ].join(', '),
    runtime: `Node ${process.version}`,
  }
}

export function circumstancesLine({ command, date, machine, runtime }: Circumstances): string {
  return `${date}, ${runtime}, ${machine}: \`${command}\``
}

/** Tables in Markdown: of rates and of figures, whichever there are. */
export function reportTables(report: Report): string {
  const tables = [
    report.results.length === 0 ? [] : rateTable(report.results),
    report.figures.length === 0 ? [] : figureTable(report.figures),
  ]
  const parts = [[circumstancesLine(report)], ...tables.filter((lines) => lines.length > 0)]
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** One row a contender, the first of a benchmark being ours, or what the others are compared with. */
function rateTable(results: readonly Result[]): string[] {
  const lines = [
    '| work | by | per second | slowest to fastest round | per CPU second | first is |',
    '|---|---|---:|---:|---:|---:|',
  ]
  let first: Result | undefined
  for (const result of results) {
    if (first?.benchmark !== result.benchmark) first = result
    const ratio = result === first ? '' : `${(first.perSecond / result.perSecond).toFixed(1)} × this`
    const { bytesPerUnit, perSecond } = result
    const bytes = bytesPerUnit === undefined ? '' : `, ${Math.round((perSecond * bytesPerUnit) / 1e6)} MB`
    lines.push(
      `| ${result === first ? result.benchmark : ''} | ${result.contender} ` +
        `| ${amount(perSecond)} ${result.unit}${bytes} | ` +
        `${amount(result.slowest)} to ${amount(result.fastest)} | ${amount(result.perCpuSecond)} | ${ratio} |`,
    )
  }
  return lines
}

function figureTable(figures: readonly Figure[]): string[] {
  return [
    '| what | by | median | lowest to highest round |',
    '|---|---|---:|---:|',
    ...figures.map(({ what, by, unit, value, lowest, highest, rounds }) => {
      const range = rounds === 1 ? '' : `${digits(lowest)} to ${digits(highest)}`
      return `| ${what} | ${by} | ${digits(value)} ${unit} | ${range} |`
    }),
  ]
}

export function amount(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 1 : 2)} M`
  if (value >= 1e3) return `${(value / 1e3).toFixed(0)} k`
  return value.toFixed(1)
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
