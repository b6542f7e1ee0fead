import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Millrace, type StreamsApp, startMillrace } from 'millrace'
import topology, { counts, lines } from './app.ts'

const text = ['the mill turns', 'the water turns the mill', 'the race feeds the mill']

const data = await mkdtemp(join(tmpdir(), 'word-count-'))
const millrace = await startMillrace({ data })
try {
  await createTopics(millrace)
  await say(millrace, text)
  const app = await millrace.runHere(topology, { commitIntervalMs: 100 })
  for (const word of ['the', 'mill', 'turns', 'water', 'race', 'feeds']) {
    console.log(`${word}: ${await countOf(app, word)}`)
  }
} finally {
  await millrace.close()
  await rm(data, { recursive: true })
}

async function createTopics({ client }: Millrace): Promise<void> {
  const admin = client.admin()
  await admin.createTopics([lines, counts].map(({ name }) => ({ name, partitions: 2 })))
  await admin.close()
}

async function say({ client }: Millrace, spoken: readonly string[]): Promise<void> {
  const producer = client.producer()
  for (const value of spoken) await producer.send({ topic: lines.name, value })
  await producer.close()
}

/** The count once every line and every word has been processed. */
async function countOf(app: StreamsApp, word: string): Promise<unknown> {
  for (;;) {
    const { state, sources } = await Promise.race([app.status(), app.failure])
    const caughtUp = state === 'running' && sources.length === 2 && sources.every(({ lag }) => lag === 0)
    if (caughtUp) {
      const answer = await app.query({ store: 'words', key: word })
      if (answer.kind === 'value') return answer.value
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
