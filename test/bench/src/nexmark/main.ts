import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writePage } from '../page.ts'
import { circumstances } from '../report.ts'
import { writeResults } from '../results-folder.ts'
import type { NexmarkReport } from './nexmark-report.ts'
import { type NexmarkRun, runNexmark } from './nexmark-run.ts'
import { nexmarkTables } from './nexmark-table.ts'
import { queries } from './query.ts'

const names = queries.map(({ name }) => name)

const usage = `npm run bench:nexmark -- --data DIR [options]

Runs Nexmark queries on the embedded engine over bid.ndjson in DIR, and compares each result with plain loops.

  --queries "q0 q1"   some of ${names.join(' ')}; default: all
  --repeat N          runs the whole list N times (default 1)
  --threads N         stream threads (default 2)
  --json              a JSON line for each run instead of the table
  --write             keeps the results in test/bench/results, and renders docs/benchmarks.md from all that lie there
  --cpu-prof DIR      profiles each query's process and its threads (slower: the figures then tell little)
`

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    queries: { type: 'string', default: names.join(' ') },
    repeat: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

await main()

async function main(): Promise<void> {
  const asked = values.queries.split(/[ ,]+/).filter((name) => name !== '')
  const unknown = asked.find((name) => !names.includes(name))
  if (values.help || values.data === undefined || unknown !== undefined) {
    const problem = unknown === undefined ? '--data is missing.' : `There is no query ${unknown}.`
    process.stderr.write(values.help ? usage : `${problem}\n\n${usage}`)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const input: { readonly events: number } = JSON.parse(readFileSync(join(values.data, 'meta.json'), 'utf8'))
  process.stderr.write(`${input.events} events in ${values.data}\n`)
  const runs: NexmarkRun[] = []
  await runNexmark({
    input: values.data,
    queries: asked,
    repeat: Number(values.repeat),
    threads: Number(values.threads),
    profiles: values['cpu-prof'],
    onNote: (note) => process.stderr.write(`${note}\n`),
    onRun(run) {
      runs.push(run)
      if (values.json) process.stdout.write(`${JSON.stringify(run)}\n`)
      else process.stderr.write(`${run.query}: ${Math.round(run.eventsPerS)} events/s\n`)
    },
  })
  const command = `npm run bench:nexmark -- --data DIR --repeat ${values.repeat}`
  const report: NexmarkReport = { ...circumstances(command), events: input.events, runs }
  if (!values.json) process.stdout.write(`\n${nexmarkTables(report, undefined)}`)
  if (values.write) {
    writeResults('nexmark', report)
    writePage()
  }
  if (runs.some(({ match }) => !match)) process.exitCode = 1
}
