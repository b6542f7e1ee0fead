import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Millrace, type StreamsApp, startMillrace } from 'millrace'
import topology, { counts, lines } from './app.ts'

const text = ['the mill turns', 'the water turns the mill', 'the race feeds the mill']
const words = text.join(' ').split(' ')

const data = await mkdtemp(join(tmpdir(), 'word-count-'))
const millrace = await startMillrace({ data })
try {
  await createTopics(millrace)
  await say(millrace, text)
  const app = await millrace.runHere(topology, { commitIntervalMs: 100 })
  for (const [word, count] of await finalCounts(app)) console.log(`${word}: ${count}`)
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

/** Asks until every word that was said has been counted. */
async function finalCounts(app: StreamsApp): Promise<ReadonlyMap<string, number>> {
  for (;;) {
    const found = new Map<string, number>()
    for (const word of new Set(words)) found.set(word, await countOf(app, word))
    const sum = [...found.values()].reduce((a, b) => a + b, 0)
    if (sum === words.length) return found
    const pause = new Promise((resolve) => setTimeout(resolve, 20))
    await Promise.race([pause, app.failure])
  }
}

async function countOf(app: StreamsApp, word: string): Promise<number> {
  const answer = await app.query({ store: 'words', key: word, fromMs: undefined, toMs: undefined })
  return answer.kind === 'value' ? Number(answer.value) : 0
}
