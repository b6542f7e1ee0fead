import { type Consumer, createClient } from '@millrace/client'
import { kafkaError, MillraceError } from '@millrace/kernel'
import type { Transport } from '@millrace/protocol/internal'
import { utf8Out } from '@millrace/record/internal'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf } from './cluster-under-test.ts'
import { intercepted } from './intercepted-transport.ts'

/** What happens to one produce request. */
type Fate = 'answered' | 'lost on the way' | 'answer lost' | 'answer late' | 'refused' | 'connection cut'

const lost = () => new MillraceError('CONNECTION_LOST', 'lost by the test')

/** A transport on which produce requests meet the fates of a list, and nothing but answers after its end. */
function lossy(inner: Transport, fates: readonly Fate[]): Transport {
  let next = 0
  return intercepted(inner, async (api, send, connection) => {
    const fate = api === 'produce' ? (fates[next++] ?? 'answered') : 'answered'
    if (fate === 'lost on the way') throw lost()
    if (fate === 'refused') throw kafkaError('NOT_LEADER_OR_FOLLOWER', 'the test')
    const answer = await send()
    if (fate === 'answer lost') throw lost()
    if (fate === 'answer late') for (let i = 0; i < 20; i++) await Promise.resolve()
    if (fate === 'connection cut') {
      await connection.close()
      throw lost()
    }
    return answer
  })
}

const fate = fc.constantFrom<Fate>(
  'answered',
  'answered',
  'lost on the way',
  'answer lost',
  'answer late',
  'refused',
  'connection cut',
)

/** Once a duplicate too: an answer was overtaken by five later ones, which no connection may let happen. */
const overtaken = {
  fates: ['answered', 'answer late', 'answer late', 'answer lost', 'answered', 'answer lost'] satisfies Fate[],
  pauses: [18, 1],
  batchBytes: 100,
  maxInFlight: 3,
}

/** Once a duplicate: the broker had forgotten a batch that was sent a third time, with six written behind it. */
const forgotten = {
  fates: ['answered', 'answer lost', 'answered', 'answered', 'answered', 'connection cut'] satisfies Fate[],
  pauses: [13],
  batchBytes: 100,
  maxInFlight: 4,
}

describe('an idempotent producer on a transport that loses', () => {
  let cluster: ClusterUnderTest
  let topics = 0
  beforeAll(async () => {
    cluster = await ClusterUnderTest.start('loopback', { log: { syncAcksAll: false } })
  })
  afterAll(() => cluster.stop())

  it('writes every record once and in order', async () => {
    const history = fc.record({
      fates: fc.array(fate, { maxLength: 25 }),
      pauses: fc.array(fc.nat(40), { minLength: 1, maxLength: 10 }),
      batchBytes: fc.integer({ min: 100, max: 400 }),
      maxInFlight: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(history, async ({ fates, pauses, batchBytes, maxInFlight }) => {
        const topic = `t${topics++}`
        await cluster
          .client()
          .admin()
          .createTopics([{ name: topic, partitions: 2 }])
        const { ports } = cluster
        const client = createClient({ transport: lossy(cluster.engine.loopback(), fates), ports })
        const producer = client.producer({ batchBytes, maxInFlight })
        const handle = await producer.open(topic)
        let sent = 0
        for (const records of pauses) {
          for (let i = 0; i < records; i++) {
            producer.append(handle, sent % 2, 0, null, utf8Out, `${sent}`, utf8Out, null)
            sent++
          }
          await ports.clock.turn()
        }
        await producer.flush()
        const consumer = client.consumer({ autoOffsetReset: 'earliest' })
        const values = await readAll(consumer, topic, sent)
        for (const partition of [0, 1]) {
          const expected = Array.from({ length: sent }, (_, i) => i).filter((i) => i % 2 === partition)
          expect(values[partition]).toEqual(expected)
        }
        await client.close()
      }),
      { numRuns: 25, examples: [[forgotten], [overtaken]] },
    )
  })
})

/** Everything up to the end of the log, so that a duplicate behind the last record is seen too. */
async function readAll(consumer: Consumer, topic: string, atLeast: number): Promise<number[][]> {
  const partitions = [0, 1].map((partition) => ({ topic, partition }))
  const ends = await consumer.endOffsets(partitions)
  const total = [...ends.values()].reduce((sum: number, end) => sum + end, 0)
  const values: number[][] = [[], []]
  consumer.assign(partitions)
  let read = 0
  while (read < Math.max(total, atLeast)) {
    for (const { partition, value } of recordsOf(await consumer.poll({ timeoutMs: 5_000 }))) {
      values[partition]!.push(Number(value))
      read++
    }
  }
  return values
}
