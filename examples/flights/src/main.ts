import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FlightsJob } from './flights-job.ts'
import { type FlightsOptions, readOptions, usage } from './options.ts'
import { ProgressDisplay } from './progress.ts'
import { resultRows, totalsText, worstTables } from './summary.ts'

const progressEveryMs = 250

async function main(): Promise<void> {
  const home = fileURLToPath(new URL('..', import.meta.url))
  if (process.argv.includes('--help')) return console.log(usage)
  const options = readOptions(process.argv.slice(2), home)
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'))
  })
  const job = await FlightsJob.start(options)
  try {
    const outcome = await Promise.race([untilFinished(job), job.app.failure, interrupted])
    if (outcome === 'interrupted') return console.log('Stopping; the next start goes on from here.')
    await report(job, options, outcome)
    if (options.once) return
    await stayUp(job, options, interrupted)
  } finally {
    await job.stop()
  }
}

/** Milliseconds since the process started, module loading included. */
function elapsedMs(): number {
  return performance.now()
}

async function untilFinished(job: FlightsJob): Promise<{ readonly firstRowMs: number | undefined }> {
  const display = new ProgressDisplay(process.stdout)
  let firstRowMs: number | undefined
  for (;;) {
    const stages = await job.progress()
    display.draw(stages, elapsedMs())
    const written = stages.find(({ name }) => name === 'hours to PostgreSQL')?.records ?? 0
    if (written > 0) firstRowMs ??= elapsedMs()
    if (await job.finished(stages)) {
      display.finish(stages, elapsedMs())
      return { firstRowMs }
    }
    await new Promise((resolve) => setTimeout(resolve, progressEveryMs))
  }
}

async function report(
  job: FlightsJob,
  options: FlightsOptions,
  { firstRowMs }: { readonly firstRowMs: number | undefined },
): Promise<void> {
  const elapsed = elapsedMs()
  const [status, cpu, tables, rows, stages] = await Promise.all([
    job.status(),
    job.cpu(),
    worstTables(job.postgres.url),
    resultRows(job.postgres.url),
    job.progress(),
  ])
  const count = (name: string) => stages.find((stage) => stage.name === name)?.records ?? 0
  const totals = {
    flights: count('airport hours'),
    ...rows,
    dropped: status.dropped,
    elapsedMs: elapsed,
    firstRowMs,
  }
  const places = [
    `topics and state: ${options.data}`,
    `results: ${path.join(options.out, 'airport-hours.jsonl')}, ${path.join(options.out, 'route-days.jsonl')}`,
    `${job.postgres.description}: tables airport_hours, route_days`,
  ]
  console.log(`\n${tables}\n${totalsText(totals, cpu, places)}`)
  const late = status.dropped['late'] ?? 0
  if (late > 0) throw new Error(`${late} records were dropped as late; the grace must cover the input`)
}

async function stayUp(job: FlightsJob, options: FlightsOptions, interrupted: Promise<unknown>): Promise<void> {
  const server = await job.millrace.serve({ port: options.port })
  console.log(`
Following new records. Ask, until Ctrl-C:
  curl '${server.url}/stores/hours/ATL?from=2001-01-01T06:00:00Z&to=2001-01-01T12:00:00Z'
  curl '${server.url}/stores/routes/ATL~ORD?from=2001-01-01&to=2001-01-08'
  Kafka clients: ${job.millrace.address}`)
  await Promise.race([interrupted, job.app.failure])
  console.log('\nStopping.')
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? `error: ${error.message}` : error)
  process.exitCode = 1
})
