import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Benchmark, type Result, runBenchmark } from './benchmark.ts'
import { loopbackBenchmarks } from './loopback.ts'
import { recordBenchmarks } from './record.ts'
import { makeReport, markdownTable, withSection } from './report.ts'

const suites: Readonly<Record<string, readonly Benchmark[]>> = {
  record: recordBenchmarks,
  loopback: loopbackBenchmarks,
}

const usage = `npm run bench -- [suite …] [--rounds N] [--round-ms N] [--json FILE] [--write]

  suite        ${Object.keys(suites).join(', ')}; all of them when none is named
  --json FILE  writes the results there
  --write      puts the tables into docs/benchmarks.md
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '9' },
    'round-ms': { type: 'string', default: '200' },
    json: { type: 'string' },
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
  for (const name of positionals.length === 0 ? Object.keys(suites) : positionals) await runSuite(name)
}

async function runSuite(name: string): Promise<void> {
  const results: Result[] = []
  for (const benchmark of suites[name] ?? []) {
    process.stderr.write(`${name}: ${benchmark.name}\n`)
    const options = { rounds: Number(values.rounds), roundMs: Number(values['round-ms']) }
    results.push(...(await runBenchmark(benchmark, options)))
  }
  const report = makeReport(`npm run bench -- ${name}`, results)
  const table = markdownTable(report)
  process.stdout.write(`\n${table}\n`)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (values.write) writePage(name, table)
}

function writePage(section: string, table: string): void {
  const page = new URL('../../../docs/benchmarks.md', import.meta.url)
  mkdirSync(new URL('.', page), { recursive: true })
  let text = '# Benchmarks\n'
  try {
    text = readFileSync(page, 'utf8')
  } catch {
    // The first table makes the page.
  }
  writeFileSync(page, withSection(text, section, table))
}
