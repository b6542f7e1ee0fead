import { cpus, totalmem } from 'node:os'
import type { Result } from './benchmark.ts'

export interface Report {
  readonly command: string
  readonly date: string
  readonly node: string
  readonly machine: string
  readonly results: readonly Result[]
}

export function makeReport(command: string, results: readonly Result[]): Report {
  const cores = cpus()
  return {
    command,
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    machine: [
      `${cores.length} × ${cores[0]?.model ?? 'unknown'}`,
      `${Math.round(totalmem() / 2 ** 30)} GiB`,
      `${process.platform}-${process.arch}`,
    ].join(', '),
    results,
  }
}

/** A table in Markdown: one row a contender, the first of a benchmark being ours. */
export function markdownTable(report: Report): string {
  const lines = [
    `Machine: ${report.machine}. Node ${report.node}. ${report.date}. Command: \`${report.command}\`.`,
    '',
    '| work | by | per second | slowest to fastest round | per CPU second | first is |',
    '|---|---|---:|---:|---:|---:|',
  ]
  let first: Result | undefined
  for (const result of report.results) {
    if (first?.benchmark !== result.benchmark) first = result
    const ratio = result === first ? '' : `${(first.perSecond / result.perSecond).toFixed(1)} × this`
    lines.push(
      `| ${result === first ? result.benchmark : ''} | ${result.contender} ` +
        `| ${amount(result.perSecond)} ${result.unit} | ` +
        `${amount(result.slowest)} to ${amount(result.fastest)} | ${amount(result.perCpuSecond)} | ${ratio} |`,
    )
  }
  return `${lines.join('\n')}\n`
}

function amount(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 1 : 2)} M`
  if (value >= 1e3) return `${(value / 1e3).toFixed(0)} k`
  return value.toFixed(1)
}

const begin = (section: string): string => `<!-- bench:${section} begin -->`
const end = (section: string): string => `<!-- bench:${section} end -->`

/** The page with one section replaced, or added at its end. */
export function withSection(page: string, section: string, table: string): string {
  const block = `${begin(section)}\n${table}${end(section)}`
  const from = page.indexOf(begin(section))
  const to = page.indexOf(end(section))
  if (from < 0 || to < from) return `${page.trimEnd()}\n\n## ${section}\n\n${block}\n`
  return page.slice(0, from) + block + page.slice(to + end(section).length)
}
