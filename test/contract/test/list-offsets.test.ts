import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

const latest = -1
const earliest = -2
const maxTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6

function asked(topic: string, timestamp: number, { partitionIndex = 0, isolationLevel = 0, epoch = -1 } = {}) {
  const partitions = [{ partitionIndex, timestamp, currentLeaderEpoch: epoch }]
  return { replicaId: -1, isolationLevel, topics: [{ name: topic, partitions }], timeoutMs: 5000 }
}

/** Three batches: times 0 and 10, then 40 and 20 (out of order), then 30. */
async function filled(session: Session): Promise<string> {
  const topic = await session.topic('orders')
  for (const times of [[0, 10], [40, 20], [30]]) {
    const records = times.map((time) => ({ value: `${time}`, timestampMs: session.time(time) }))
    await session.append(topic, 0, batchOf(records))
  }
  return topic
}

contract('list-offsets', {
  'every version': async (session) => {
    const topic = await filled(session)
    await session.everyVersion('latest', 'listOffsets', asked(topic, latest))
    await session.everyVersion('earliest', 'listOffsets', asked(topic, earliest))
    await session.everyVersion('by time', 'listOffsets', asked(topic, session.time(15)))
  },

  times: async (session) => {
    const topic = await filled(session)
    for (const time of [-5, 0, 1, 10, 20, 25, 30, 31, 40, 41]) {
      await session.ask(`T+${time}`, 'listOffsets', 7, asked(topic, session.time(time)))
    }
    await session.ask('time 0', 'listOffsets', 7, asked(topic, 0))
    await session.ask('the highest time', 'listOffsets', 7, asked(topic, session.time(40), { isolationLevel: 1 }))
  },

  places: async (session) => {
    const topic = await filled(session)
    await session.ask('the newest record', 'listOffsets', 7, asked(topic, maxTimestamp))
    await session.ask('the newest record, before it was known', 'listOffsets', 6, asked(topic, maxTimestamp))
    await session.ask('earliest local', 'listOffsets', 8, asked(topic, earliestLocal))
    await session.ask('earliest local, before it was known', 'listOffsets', 7, asked(topic, earliestLocal))
    await session.ask('latest tiered', 'listOffsets', 9, asked(topic, latestTiered))
    await session.ask('latest tiered, before it was known', 'listOffsets', 8, asked(topic, latestTiered))
    await session.ask('earliest pending upload', 'listOffsets', 10, asked(topic, earliestPendingUpload))
    await session.ask('a number that is none', 'listOffsets', 10, asked(topic, -17))
    await session.ask('latest that is committed', 'listOffsets', 7, asked(topic, latest, { isolationLevel: 1 }))
  },

  'an empty partition': async (session) => {
    const topic = await session.topic('empty')
    for (const timestamp of [latest, earliest, maxTimestamp, 0]) {
      await session.ask(`timestamp ${timestamp}`, 'listOffsets', 7, asked(topic, timestamp))
    }
  },

  'what is not there': async (session) => {
    const topic = await filled(session)
    await session.ask('partition 3', 'listOffsets', 7, asked(topic, latest, { partitionIndex: 3 }))
    await session.ask('no such topic', 'listOffsets', 7, asked(session.name('nothing'), latest))
    await session.ask(
      'an old epoch is not there, a new one is ahead',
      'listOffsets',
      7,
      asked(topic, latest, { epoch: 4 }),
    )
    await session.ask('the epoch', 'listOffsets', 7, asked(topic, latest, { epoch: 0 }))
    const twice = asked(topic, latest)
    const partitions = [...(twice.topics[0]?.partitions ?? []), { partitionIndex: 0, timestamp: earliest }]
    await session.ask('the same partition twice', 'listOffsets', 7, { ...twice, topics: [{ name: topic, partitions }] })
  },

  'append time': async (session) => {
    const topic = await session.topic('orders', { configs: { 'message.timestamp.type': 'LogAppendTime' } })
    await session.append(topic, 0, batchOf([{ value: 'a', timestampMs: session.time(-5000) }]))
    await session.ask('by the time the producer gave', 'listOffsets', 7, asked(topic, session.time(-5000)))
    await session.ask('the newest record', 'listOffsets', 7, asked(topic, maxTimestamp))
  },

  'compressed batches': async (session) => {
    const topic = await session.topic('orders')
    const records = [0, 10, 20].map((time) => ({ value: `${time}`, timestampMs: session.time(time) }))
    await session.append(topic, 0, batchOf(records, { codec: 'lz4' }))
    await session.ask('in the middle of a batch', 'listOffsets', 7, asked(topic, session.time(5)))
    await session.ask('the newest record', 'listOffsets', 7, asked(topic, maxTimestamp))
  },

  'where leader epochs end': async (session) => {
    const topic = await filled(session)
    const of = (leaderEpoch: number, { currentLeaderEpoch = -1, partition = 0, name = topic } = {}) => ({
      replicaId: -1,
      topics: [{ topic: name, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
    })
    await session.everyVersion('epoch 0', 'offsetForLeaderEpoch', of(0))
    await session.ask('an epoch to come', 'offsetForLeaderEpoch', 4, of(7))
    await session.ask('no epoch', 'offsetForLeaderEpoch', 4, of(-1))
    await session.ask('fenced by a newer one', 'offsetForLeaderEpoch', 4, of(0, { currentLeaderEpoch: 3 }))
    await session.ask('partition 3', 'offsetForLeaderEpoch', 4, of(0, { partition: 3 }))
    await session.ask('no such topic', 'offsetForLeaderEpoch', 4, of(0, { name: session.name('nothing') }))
    const empty = await session.topic('empty')
    await session.ask('an empty partition', 'offsetForLeaderEpoch', 4, of(0, { name: empty }))
  },
})
