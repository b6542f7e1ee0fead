import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { writePage } from '../page.ts'
import { circumstances } from '../report.ts'
import { writeResults } from '../results-folder.ts'
import { type BrokerName, type ServerOptions, startBroker } from './broker-under-test.ts'
import { measureClients } from './client-measures.ts'
import { type KafkaReport, kafkaTable } from './kafka-table.ts'
import { measureLoad, measureLoadedMemory, warmUp } from './load-measures.ts'
import { Measuring } from './measuring.ts'
import { fullPlan, type Plan, quickPlan } from './plan.ts'
import { atMost } from './row.ts'
import { measureJoins, measureLatency, measureTopics, measureTransactions } from './step-measures.ts'

const names = [
  'start',
  'memory',
  'produce-small',
  'consume-small',
  'produce-large',
  'consume-large',
  'latency',
  'transactions',
  'topics',
  'join',
  'clients',
] as const

const usage = `npm run bench:kafka -- [options]

Our broker and Apache Kafka 4.3 side by side on this machine, in one run: ours with its default, which syncs before it
acknowledges, and with acks.all.sync=false, as Apache Kafka does. Needs Java 17 and Maven, and 20 GB of disk.

  --only "a b"      some of ${names.join(' ')}
  --quick           less of everything: minutes instead of ten, and rougher
  --rounds N        of each measurement (default 3, quick 1)
  --load-gb N       what each broker takes before its memory under load is looked at (default 7, quick 1)
  --brokers "a b"   some of kafka synced unsynced
  --cpu-prof DIR    CPU profiles of our servers (slower: the figures then tell little)
  --json            JSON instead of the table
  --write           keeps the results in test/bench/results, and renders docs/benchmarks.md from all that lie there
`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: names.join(' ') },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    'load-gb': { type: 'string' },
    brokers: { type: 'string', default: 'kafka synced unsynced' },
    'cpu-prof': { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

await main()

async function main(): Promise<void> {
  const asked = new Set(words(values.only))
  const unknown = [...asked].find((name) => !names.some((known) => known === name))
  const brokers = words(values.brokers).filter(isBroker)
  if (values.help || unknown !== undefined || brokers.length !== words(values.brokers).length) {
    const problem = unknown === undefined ? 'A broker is kafka, synced or unsynced.' : `There is no ${unknown}.`
    process.stderr.write(values.help ? usage : `${problem}\n\n${usage}`)
    process.exitCode = values.help ? 0 : 2
    return
  }
  const [startMs, startLoad] = [performance.now(), loadavg()[0] ?? 0]
  const note = (line: string): void => {
    const seconds = Math.round((performance.now() - startMs) / 1000)
    process.stderr.write(`${`${seconds}`.padStart(4)} s  ${line}\n`)
  }
  const measuring = new Measuring(planned(), (name) => asked.has(name), note)
  await measure(measuring, brokers, { profiles: values['cpu-prof'] })
  const report: KafkaReport = {
    ...circumstances('npm run bench:kafka'),
    load: [startLoad, loadavg()[0] ?? 0],
    seconds: (performance.now() - startMs) / 1000,
    rows: measuring.rows.all(),
  }
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `\n${kafkaTable(report)}`)
  if (!values.write) return
  writeResults('kafka', report)
  writePage()
}

function planned(): Plan {
  const plan = values.quick ? quickPlan : fullPlan
  const rounds = values.rounds === undefined ? plan.rounds : Number(values.rounds)
  const loadBytes = values['load-gb'] === undefined ? plan.loadBytes : Number(values['load-gb']) * 1e9
  return { ...plan, rounds, loadBytes }
}

async function measure(measuring: Measuring, brokers: readonly BrokerName[], options: ServerOptions): Promise<void> {
  const { plan, wants, rows, note } = measuring
  try {
    for (let start = wants('start') ? plan.starts : 1; start >= 1; start--) {
      for (const name of brokers) {
        note(`${name}: starts`)
        const broker = await startBroker(name, options)
        rows.add('start to the first acknowledged produce', 'ms', atMost(1 / 6), name, broker.startMs)
        if (start === 1) measuring.brokers = [...measuring.brokers, broker]
        else await broker.stop()
      }
    }
    if (wants('memory')) {
      await sleep(plan.idleS * 1000)
      for (const broker of measuring.brokers) {
        rows.add('resident, idle', 'MiB', atMost(1 / 5), broker.name, broker.residentMiB())
      }
    }
    const small = wants('produce-small') || wants('consume-small')
    const large = wants('produce-large') || wants('consume-large')
    if (small || large || wants('transactions') || wants('latency')) await warmUp(measuring)
    if (small) await measureLoad(measuring, 'small')
    if (large) await measureLoad(measuring, 'large')
    if (wants('memory')) await measureLoadedMemory(measuring)
    if (wants('latency')) await measureLatency(measuring)
    if (wants('transactions')) await measureTransactions(measuring)
    if (wants('topics')) await measureTopics(measuring)
    if (wants('join')) await measureJoins(measuring)
    if (wants('clients')) await measureClients(measuring)
  } finally {
    await measuring.close()
  }
}

function words(text: string): string[] {
  return text.split(/[ ,]+/).filter((word) => word !== '')
}

function isBroker(word: string): word is BrokerName {
  return word === 'kafka' || word === 'synced' || word === 'unsynced'
}
