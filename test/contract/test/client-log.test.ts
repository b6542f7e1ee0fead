import { clientContract } from './clients/client-contract.ts'
import type { ClientUnderTest, GotRecord, SentRecord } from './clients/client-under-test.ts'
import type { Session } from './exchange/session.ts'

/** Rolls at every append, cleans whatever is dirty. */
const eager = { 'segment.ms': '1', 'min.cleanable.dirty.ratio': '0.0', 'delete.retention.ms': '0' }

/** One batch each, and at last one that a reader stops at: it is in the active segment, which nothing touches. */
async function filled(
  session: Session,
  client: ClientUnderTest,
  configs: Readonly<Record<string, string>>,
  records: readonly SentRecord[],
): Promise<string> {
  const topic = await session.topic('log', { configs })
  const producer = await client.producer()
  const all = [...records, { key: 'end', value: 'end', timestampMs: session.time(1000) }]
  for (const record of all) await producer.send(topic, [{ partition: 0, ...record }])
  return topic
}

/** All there is, as soon as it is so many. */
async function left(session: Session, client: ClientUnderTest, topic: string, most: number) {
  let all: readonly GotRecord[] = []
  await session.eventually(`${most} records are left`, async () => {
    all = await client.read(topic, 'end')
    return all.length <= most
  })
  return all.map(({ offset, key, value }) => [offset, key, value])
}

const rounds = (session: Session, count: number, keys: readonly string[]): SentRecord[] =>
  Array.from({ length: count }, (_, round) =>
    keys.map((key, i) => ({ key, value: `${key}${round}`, timestampMs: session.time(round * 10 + i) })),
  ).flat()

clientContract('client-log', {
  both: {
    'compaction keeps the last of each key, where it was': async (session, client) => {
      const configs = { ...eager, 'cleanup.policy': 'compact' }
      const topic = await filled(session, client, configs, rounds(session, 3, ['a', 'b', 'c']))
      session.note('left', await left(session, client, topic, 4))
      session.note('from inside a gap', (await client.read(topic, 'end', { from: 2 })).length)
      session.note('start', await (await client.admin()).offsets(topic, 'earliest'))
    },

    'what is deleted by a null value goes for good': async (session, client) => {
      const configs = { ...eager, 'cleanup.policy': 'compact' }
      const tombstone = { key: 'a', value: null, timestampMs: session.time(90) }
      const topic = await filled(session, client, configs, [...rounds(session, 2, ['a', 'b']), tombstone])
      const producer = await client.producer()
      let more = 0
      await session.eventually('the null value is gone', async () => {
        // The delete horizon passes while the cleaner comes again, which it does for something dirty.
        await producer.send(topic, [
          { partition: 0, key: 'more', value: `${more++}`, timestampMs: session.time(2000 + more) },
        ])
        return (await client.read(topic, 'end')).every(({ key }) => key !== 'a')
      })
      const others = (await client.read(topic, 'end')).filter(({ key }) => key === 'b')
      session.note(
        'the other key',
        others.map(({ offset, value }) => [offset, value]),
      )
    },

    'a topic that keeps everything is told to compact': async (session, client) => {
      const topic = await filled(session, client, eager, rounds(session, 3, ['a', 'b']))
      session.note('before', (await client.read(topic, 'end')).length)
      const admin = await client.admin()
      await admin.setConfig(topic, 'cleanup.policy', 'compact')
      session.note('after', await left(session, client, topic, 3))
    },

    'old segments go by time': async (session, client) => {
      const old = [-3_000_000, -2_000_000].map((deltaMs) => ({ value: 'old', timestampMs: session.time(deltaMs) }))
      const configs = { 'segment.ms': '1', 'retention.ms': '60000' }
      const topic = await filled(session, client, configs, [...old, { value: 'new', timestampMs: session.time() }])
      session.note('left', await left(session, client, topic, 2))
      session.note('start', await (await client.admin()).offsets(topic, 'earliest'))
      session.note('from what is gone', (await client.read(topic, 'end', { from: 0 })).length)
    },

    'old segments go by size': async (session, client) => {
      const records = Array.from({ length: 8 }, (_, i) => ({
        value: `${i}`.padEnd(400),
        timestampMs: session.time(i * 10),
      }))
      const topic = await filled(session, client, { 'segment.ms': '1' }, records)
      session.note('all', (await client.read(topic, 'end')).length)
      const admin = await client.admin()
      await admin.setConfig(topic, 'retention.bytes', '1100')
      session.note('left', (await left(session, client, topic, 4)).length)
      session.note('start', await admin.offsets(topic, 'earliest'))
    },

    'compacted, and old as well': async (session, client) => {
      const configs = { ...eager, 'cleanup.policy': 'compact,delete', 'retention.ms': '60000' }
      const old = [-3_000_000, -2_000_000].map((deltaMs) => ({
        key: `${deltaMs}`,
        value: 'v',
        timestampMs: session.time(deltaMs),
      }))
      // Gone before anything newer is cleaned into one segment with them.
      const topic = await filled(session, client, configs, old)
      session.note('old ones gone', await left(session, client, topic, 1))
      const producer = await client.producer()
      for (const record of rounds(session, 3, ['a', 'b'])) await producer.send(topic, [record])
      await producer.send(topic, [{ key: 'end', value: 'end', timestampMs: session.time(3000) }])
      let all: readonly GotRecord[] = []
      await session.eventually('the rest is compacted', async () => {
        all = await client.read(topic, 4)
        return all.map(({ offset }) => offset).join() === '2,7,8,9'
      })
      session.note('start', await (await client.admin()).offsets(topic, 'earliest'))
    },
  },

  ours: {
    'compaction between transactions: what was aborted is gone, what was committed stays': async (session, client) => {
      const topic = await session.topic('log', { configs: { ...eager, 'cleanup.policy': 'compact' } })
      const producer = await client.producer({ transactionalId: session.name('tx') })
      for (const round of [0, 1, 2, 3]) {
        await producer.begin()
        for (const key of ['a', 'b']) {
          await producer.send(topic, [{ partition: 0, key, value: `${key}${round}`, timestampMs: session.time(round) }])
        }
        await (round % 2 === 0 ? producer.commit() : producer.abort())
      }
      await producer.begin()
      await producer.send(topic, [{ partition: 0, key: 'end', value: 'end', timestampMs: session.time(1000) }])
      await producer.commit()
      const committed = () => client.read(topic, 'end', { committed: true })
      await session.eventually('the last of each key is left', async () => (await committed()).length === 3)
      // What was aborted is nobody's last value.
      await session.eventually('and nothing else', async () => (await client.read(topic, 'end')).length === 3)
      session.note(
        'committed',
        (await committed()).map(({ offset, key, value }) => [offset, key, value]),
      )
      const all = await client.read(topic, 'end')
      session.note(
        'uncommitted',
        all.map(({ offset, key, value }) => [offset, key, value]),
      )
    },
  },
})
