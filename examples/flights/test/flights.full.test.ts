import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Expected, expectedResult } from '../src/oracle/flights-oracle.ts'
import { BrokerProcess } from './broker-process.ts'
import { JobFolder } from './job-folder.ts'
import { JobProcess } from './job-process.ts'

const none = { missing: 0, unexpected: 0, below: 0, above: 0, countedTwice: 0, wrong: 0, examples: [] }
const brokers: BrokerProcess[] = []
let expected: Expected
let folder: JobFolder
let job: JobProcess | undefined

beforeAll(async () => {
  expected = await expectedResult()
})

beforeEach(() => {
  folder = new JobFolder()
})

afterEach(async () => {
  job?.kill('group')
  await job?.ended
  for (const broker of brokers.splice(0)) await broker.kill()
  await folder.remove()
})

test('all three million flights: every row equals the independent computation, in PostgreSQL and in the JSON Lines', async () => {
  job = new JobProcess(folder.args('--once'))
  expect(await job.ended, job.output).toBe(0)
  console.log(job.output.slice(job.output.indexOf('The worst airports')))
  expect(job.output).toContain('records dropped: late 0')
  const found = await folder.verify(undefined, expected)
  expect(found['airport-hours.jsonl'].rows).toBe(expected.airportHours.size)
  expect(found['route-days.jsonl'].rows).toBe(expected.routeDays.size)
  for (const difference of Object.values(found)) {
    expect(difference).toMatchObject(none)
  }
})

test('after three kills at random moments every row equals the independent computation', async () => {
  for (const whom of ['group', 'process', 'group'] as const) {
    const running = new JobProcess(folder.args('--once'))
    job = running
    const end = await killed(running, () => running.kill(whom), whom)
    expect(end === 'SIGKILL' || end === 0, running.output).toBe(true)
  }
  await endsRight()
})

test('the same with the broker in a process of its own, which is killed while the job goes on', async () => {
  const data = `${folder.path}/broker`
  let server = await BrokerProcess.start(data, 0)
  brokers.push(server)
  const { port } = server
  job = new JobProcess(folder.args('--once', '--bootstrap', `127.0.0.1:${port}`))
  for (let kills = 0; kills < 3; kills++) {
    await killed(job, () => server.kill(), 'broker')
    server = await BrokerProcess.start(data, port)
    brokers.push(server)
  }
  // And once both: what the job has open must not outlive it.
  const running = job
  await killed(running, () => running.kill('group'), 'group')
  await endsRight('--bootstrap', `127.0.0.1:${port}`)
})

/** Kills at a random moment; the job's end, when it has ended. */
async function killed(running: JobProcess, kill: () => void | Promise<void>, whom: string) {
  const afterMs = 4000 + Math.floor(Math.random() * 8000)
  const ended = await Promise.race([running.ended, new Promise((resolve) => setTimeout(resolve, afterMs))])
  await kill()
  console.log(`SIGKILL of the ${whom} after ${afterMs} ms`)
  return ended ?? (whom === 'broker' ? undefined : running.ended)
}

async function endsRight(...more: readonly string[]): Promise<void> {
  job = new JobProcess(folder.args('--once', ...more))
  expect(await job.ended, job.output).toBe(0)
  const found = await folder.verify(undefined, expected)
  for (const [place, difference] of Object.entries(found)) {
    console.log(`${place}: ${difference.rows} rows, ${difference.countedTwice} flights counted twice`)
    expect(difference, place).toMatchObject(none)
  }
}
