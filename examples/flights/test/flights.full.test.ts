import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Expected, expectedResult } from '../src/oracle/flights-oracle.ts'
import { JobFolder } from './job-folder.ts'
import { JobProcess } from './job-process.ts'

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
    expect(difference).toMatchObject({ missing: 0, unexpected: 0, below: 0, above: 0, wrong: 0, examples: [] })
  }
})

test('after three kills at random moments every row is there, and no count is below the true one', async () => {
  for (const whom of ['group', 'process', 'group'] as const) {
    const afterMs = 4000 + Math.floor(Math.random() * 8000)
    job = new JobProcess(folder.args('--once'))
    const running = job
    const timer = setTimeout(() => running.kill(whom), afterMs)
    const end = await running.ended
    clearTimeout(timer)
    console.log(`SIGKILL of the ${whom} after ${afterMs} ms: ${end}`)
    expect(end === 'SIGKILL' || end === 0, running.output).toBe(true)
  }
  job = new JobProcess(folder.args('--once'))
  expect(await job.ended, job.output).toBe(0)
  const found = await folder.verify(undefined, expected)
  for (const [place, difference] of Object.entries(found)) {
    console.log(
      `${place}: ${difference.rows} rows, ${difference.countedTwice} flights counted twice in ${difference.above} rows`,
    )
    expect(difference).toMatchObject({ missing: 0, unexpected: 0, below: 0, wrong: 0 })
  }
})
