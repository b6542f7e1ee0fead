import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kafkaJars } from '@millrace/test-contract'

const own = fileURLToPath(new URL('../../java/KafkaBench.java', import.meta.url))

/** Runs a class of Kafka's, or with `own` our program, and resolves with what it printed. */
export async function runJava(main: string, args: readonly string[]): Promise<string> {
  const { folder } = await kafkaJars()
  const program = main === 'own' ? own : main
  const java = spawn('java', ['-Xmx512m', '-cp', join(folder, '*'), program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killed = () => void java.kill('SIGKILL')
  process.once('exit', killed)
  let printed = ''
  let complained = ''
  java.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
  })
  java.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained = (complained + text).slice(-4000)
  })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      java.once('error', reject)
      java.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${main} ended with ${code}:\n${printed.slice(-2000)}${complained}`)
    return printed
  } finally {
    process.removeListener('exit', killed)
  }
}

export interface Produced {
  readonly perSecond: number
  readonly p99Ms: number
}

/** ProducerPerformance: one producer with the client's defaults, no throttle, acks=all. */
export async function javaProduce(
  bootstrap: string,
  topic: string,
  records: number,
  recordBytes: number,
): Promise<Produced> {
  const printed = await runJava('org.apache.kafka.tools.ProducerPerformance', [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', `${records}`],
    ...['--record-size', `${recordBytes}`, '--throughput', '-1', '--command-property', 'acks=all'],
  ])
  const last = printed.trimEnd().split('\n').at(-1) ?? ''
  const rate = /^(\d+) records sent, ([\d.]+) records\/sec .* (\d+) ms 99th/.exec(last)
  if (rate === null || Number(rate[1]) !== records) throw new Error(`ProducerPerformance said:\n${printed}`)
  return { perSecond: Number(rate[2]), p99Ms: Number(rate[3]) }
}

/** ConsumerPerformance: records a second, once the group stands. */
export async function javaConsume(bootstrap: string, topic: string, records: number): Promise<number> {
  const printed = await runJava('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', `${records}`, '--timeout', '20000'],
  ])
  const lines = printed.trimEnd().split('\n')
  const names = (lines.find((line) => line.startsWith('start.time')) ?? '').split(', ')
  const values = (lines.at(-1) ?? '').split(', ')
  const seen = Number(values[names.indexOf('data.consumed.in.nMsg')])
  const perSecond = Number(values[names.indexOf('fetch.nMsg.sec')])
  if (!(seen >= records) || !(perSecond > 0)) throw new Error(`ConsumerPerformance said:\n${printed}`)
  return perSecond
}

export interface Latencies {
  readonly averageMs: number
  readonly p99Ms: number
}

/** EndToEndLatency: one record at a time, sent and read back. */
export async function javaLatency(bootstrap: string, topic: string, records: number): Promise<Latencies> {
  const printed = await runJava('org.apache.kafka.tools.EndToEndLatency', [
    bootstrap,
    topic,
    `${records}`,
    'all',
    '100',
  ])
  const average = /Avg latency: ([\d.]+) ms/.exec(printed)
  const p99 = /99th = (\d+)/.exec(printed)
  if (average === null || p99 === null) throw new Error(`EndToEndLatency said:\n${printed}`)
  return { averageMs: Number(average[1]), p99Ms: Number(p99[1]) }
}

/** Milliseconds of each step of our Java program. */
export async function javaSteps(work: 'transactions' | 'join', ...args: readonly string[]): Promise<readonly number[]> {
  const printed = await runJava('own', [work, ...args])
  const steps: readonly number[] = JSON.parse(printed.trimEnd().split('\n').at(-1) ?? '')
  if (steps.length === 0) throw new Error(`KafkaBench said:\n${printed}`)
  return steps
}
