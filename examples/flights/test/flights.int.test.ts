import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobFolder } from './job-folder.ts'
import { JobProcess } from './job-process.ts'

const limit = 30_000
let folder: JobFolder
let job: JobProcess | undefined

beforeEach(() => {
  folder = new JobFolder()
})

afterEach(async () => {
  job?.kill('group')
  await job?.ended
  await folder.remove()
})

const args = (...more: readonly string[]) => folder.args('--limit', String(limit), ...more)

const none = { missing: 0, unexpected: 0, below: 0, above: 0, countedTwice: 0, wrong: 0, examples: [] }

test('every row of both results is right in both places, and a second run finds everything done', async () => {
  job = new JobProcess(args('--once'))
  expect(await job.ended, job.output).toBe(0)
  expect(job.output).toContain('records dropped: late 0')
  for (const difference of Object.values(await folder.verify(limit))) expect(difference).toMatchObject(none)

  job = new JobProcess(args('--once'))
  expect(await job.ended, job.output).toBe(0)
  for (const difference of Object.values(await folder.verify(limit))) expect(difference).toMatchObject(none)
}, 180_000)

test('killed and started again it goes on: nothing is missing or there twice, and it answers queries until Ctrl-C', async () => {
  job = new JobProcess(args())
  await job.said(/read flights/)
  job.kill('process')
  await job.ended

  job = new JobProcess(args())
  const [, url = ''] = await job.said(/curl '(http[^/]*\/\/[^/]+)\//)
  const answer = await fetch(`${url}/stores/hours/ATL?from=2001-01-01T00:00:00Z&to=2001-01-01T02:00:00Z`)
  expect(answer.status).toBe(200)
  const windows: unknown = await answer.json()
  expect(windows).toMatchObject([{ start: Date.UTC(2001, 0, 1) }, {}])
  expect((await fetch(`${url}/stores/routes/ATL~ORD?from=2001-01-01&to=2001-01-02`)).status).toBe(200)
  expect((await fetch(`${url}/stores/hours/NOWHERE`)).status).toBe(404)

  job.kill('process', 'SIGINT')
  expect(await job.ended, job.output).toBe(0)
  for (const difference of Object.values(await folder.verify(limit))) {
    expect(difference).toMatchObject(none)
  }
}, 180_000)
