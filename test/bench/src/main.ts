import { parseArgs } from 'node:util'
import { type Benchmark, type Result, type RunOptions, runBenchmark } from './benchmark.ts'
import { connectionsFigures } from './connections/connections.ts'
import { engineBenchmarks } from './engine/engine.ts'
import { latencyFigures } from './engine/latency.ts'
import type { Figure } from './figure.ts'
import { kafkajsBenchmarks } from './kafkajs/kafkajs.ts'
import { mainJobFigures } from './main-job/main-job.ts'
import { writePage } from './page.ts'
import { partitionsFigures } from './partitions/partitions.ts'
import { recordBenchmarks } from './record.ts'
import { circumstances, type Report, reportTables } from './report.ts'
import { writeResults } from './results-folder.ts'
import { startFigures } from './start/start.ts'
import { taskBenchmarks } from './task/task.ts'

type Suite =
  | { readonly kind: 'rates'; readonly benchmarks: readonly Benchmark[] }
  | {
      readonly kind: 'figures'
      readonly rounds: number
      readonly measure: (rounds: number) => Promise<readonly Figure[]>
    }

const suites: Readonly<Record<string, Suite>> = {
  record: { kind: 'rates', benchmarks: recordBenchmarks },
  task: { kind: 'rates', benchmarks: taskBenchmarks },
  engine: { kind: 'rates', benchmarks: engineBenchmarks },
  kafkajs: { kind: 'rates', benchmarks: kafkajsBenchmarks },
  latency: { kind: 'figures', rounds: 5, measure: latencyFigures },
  start: { kind: 'figures', rounds: 7, measure: startFigures },
  partitions: { kind: 'figures', rounds: 1, measure: partitionsFigures },
  connections: { kind: 'figures', rounds: 1, measure: connectionsFigures },
  'main-job': { kind: 'figures', rounds: 1, measure: mainJobFigures },
}
/** It takes a database and minutes. */
const onlyByName = 'main-job'

const usage = `npm run bench -- [suite …] [--rounds N] [--round-ms N] [--json] [--write]

  suite          ${Object.keys(suites).join(', ')}; all but ${onlyByName} when none is named
  --rounds N     rounds that count (default: 9 of rates; fewer of times)
  --round-ms N   a round of a rate lasts at least so long (default 200)
  --json         JSON instead of tables
  --write        keeps the results in test/bench/results, and renders docs/benchmarks.md from all that lie there
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    'round-ms': { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

await main()

async function main(): Promise<void> {
  const unknown = positionals.find((name) => !(name in suites))
  if (values.help || unknown !== undefined) {
    process.stderr.write(unknown === undefined ? usage : `There is no suite ${unknown}.\n\n${usage}`)
    process.exitCode = unknown === undefined ? 0 : 2
    return
  }
  const asked = positionals.length === 0 ? Object.keys(suites).filter((name) => name !== onlyByName) : positionals
  for (const name of asked) {
    const suite = suites[name]
    if (suite !== undefined) await runSuite(name, suite)
  }
  if (values.write) writePage()
}

async function runSuite(name: string, suite: Suite): Promise<void> {
  const results: Result[] = []
  const figures: Figure[] = []
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds)
  if (suite.kind === 'figures') {
    process.stderr.write(`${name}\n`)
    figures.push(...(await suite.measure(rounds ?? suite.rounds)))
  } else {
    const options: RunOptions = { rounds, roundMs: Number(values['round-ms']) }
    for (const benchmark of suite.benchmarks) {
      process.stderr.write(`${name}: ${benchmark.name}\n`)
      results.push(...(await runBenchmark(benchmark, options)))
    }
  }
  const report: Report = { suite: name, ...circumstances(`npm run bench -- ${name}`), results, figures }
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `\n${reportTables(report)}\n`)
  if (values.write) writeResults(name, report)
}
