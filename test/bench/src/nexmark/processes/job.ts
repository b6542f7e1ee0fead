import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, type StreamsApp, startMillrace } from 'millrace'
import { serveOrder } from '../../child.ts'
import { machineCpuSeconds, ownCpuSeconds } from '../../cpu-time.ts'
import { type Query, queryNamed } from '../query.ts'

export interface JobOrder {
  readonly data: string
  readonly query: string
  readonly applicationId: string
  readonly threads: number
  readonly partitions: number
  /** When the process was started, on the wall clock. */
  readonly startedMs: number
}

export interface JobMeasured {
  readonly address: string
  readonly eventsRead: number
  /** Of these, read before RUNNING: one thread may have its tasks before the other. Not counted in the rate. */
  readonly eventsBefore: number
  readonly startToRunningS: number
  readonly wallS: number
  readonly fromStartS: number
  /** User and system, engine and stream threads together: from RUNNING, and from the start of the process. */
  readonly cpuS: number
  readonly cpuFromStartS: number
  readonly maxRssMb: number
  /** CPU seconds that other processes of the machine used meanwhile. */
  readonly othersCpuS: number | undefined
}

const pollEveryMs = 50

/** Runs a query on the embedded engine to the end of its input, and stays up to be read. */
await serveOrder(async (order: JobOrder) => {
  const query = queryNamed(order.query)
  const { applicationId, threads, partitions, data } = order
  // Long enough for both threads to be there when the group first divides the partitions, and no longer.
  const settings = { 'group.initial.rebalance.delay.ms': 250 }
  const millrace = await startMillrace({ data, settings })
  const admin = millrace.client.admin()
  await admin.createTopics([{ name: query.output, partitions, configs: { 'retention.ms': '-1' } }])
  const cacheBytesMax = 10 * 2 ** 20
  const app = await millrace.run(query.module, { applicationId, threads, commitIntervalMs: 1000, cacheBytesMax })
  const eventsBefore = await Promise.race([untilRunning(app, query), app.failure])
  const running = { atMs: performance.now(), wallMs: Date.now(), cpu: ownCpuSeconds(), machine: machineCpuSeconds() }

  const eventsRead = await Promise.race([untilCommitted(admin, query, order), app.failure])
  const wallS = (performance.now() - running.atMs) / 1000
  const cpuS = ownCpuSeconds() - running.cpu
  const machine = machineCpuSeconds()
  const answer: JobMeasured = {
    address: millrace.address,
    eventsRead,
    eventsBefore,
    startToRunningS: (running.wallMs - order.startedMs) / 1000,
    wallS,
    fromStartS: (running.wallMs - order.startedMs) / 1000 + wallS,
    cpuS,
    cpuFromStartS: cpuS + running.cpu,
    maxRssMb: process.resourceUsage().maxRSS / 1024,
    othersCpuS: machine === undefined || running.machine === undefined ? undefined : machine - running.machine - cpuS,
  }
  const { dropped } = await app.status()
  if (Object.keys(dropped).length > 0) throw new Error(`records were dropped: ${JSON.stringify(dropped)}`)
  return {
    answer,
    async close() {
      await app.close()
      const own = (await admin.listTopics()).filter((name) => name.startsWith(`${applicationId}-`))
      await admin.deleteTopics([query.output, ...own])
      await admin.close()
      await millrace.close()
    },
  }
})

/** How many input records the threads had read by then. */
async function untilRunning(app: StreamsApp, { inputs }: Query): Promise<number> {
  for (;;) {
    const { state, sources } = await app.status()
    if (state === 'running') {
      return sources.reduce((sum, { topic, records }) => (inputs.includes(topic) ? sum + records : sum), 0)
    }
    await sleep(2)
  }
}

/**
 * Until the group's committed offset is the end of every partition of the input and of the repartition topics. Ends are
 * asked for after the commits, and a commit is answered only when what was written before it is acknowledged: so then
 * everything is. How many records the input holds.
 */
async function untilCommitted(admin: Admin, query: Query, { applicationId, partitions }: JobOrder): Promise<number> {
  const internal = (await admin.listTopics()).filter(
    (name) => name.startsWith(`${applicationId}-`) && name.endsWith('-repartition'),
  )
  const places = [...query.inputs, ...internal].flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  )
  for (;;) {
    const committed = await admin.groupOffsets(applicationId)
    const ends = await admin.listOffsets(places, 'latest')
    const endOf = ({ topic, partition }: (typeof places)[number]) => ends.get(topic, partition) ?? 0
    if (places.every((at) => (committed.get(at.topic, at.partition)?.offset ?? 0) === endOf(at))) {
      return places.reduce((sum, at) => (query.inputs.includes(at.topic) ? sum + endOf(at) : sum), 0)
    }
    await sleep(pollEveryMs)
  }
}
