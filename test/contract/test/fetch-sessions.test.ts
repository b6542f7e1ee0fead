import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

type Asked = Partially<RequestOf<'fetch'>>
type PartitionAsked = Partially<RequestOf<'fetch'>['topics'][number]['partitions'][number]>

const none = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000 }

function topicAsked(topic: string, ...partitions: readonly PartitionAsked[]) {
  return { topic, partitions: partitions.map((partition) => ({ partitionMaxBytes: 1_000_000, ...partition })) }
}

function one(session: Session, value: string): Buffer {
  return batchOf([{ value, timestampMs: session.time() }])
}

/** A reader's end of a fetch session: it knows its id and counts its turns. */
class FetchReader {
  readonly #session: Session
  readonly #version: number
  id = 0
  epoch = 0

  constructor(session: Session, version = 12) {
    this.#session = session
    this.#version = version
  }

  /** The next turn; `more` over what it would say. */
  async fetch(step: string, topics: Asked['topics'] = [], more: Asked = {}): Promise<void> {
    const request = { ...none, sessionId: this.id, sessionEpoch: this.epoch, topics, ...more }
    const answer = await this.#session.ask(step, 'fetch', this.#version, request)
    if (answer === 'closed' || answer.errorCode !== 0) return
    this.id = answer.sessionId
    this.epoch = this.id === 0 ? 0 : (more.sessionEpoch ?? this.epoch) + 1
  }
}

contract('fetch-sessions', {
  'a life': async (session) => {
    const topic = await session.topic('orders', { partitions: 3 })
    await session.append(topic, 0, one(session, 'a'))
    const reader = new FetchReader(session)
    const all = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0 }))
    await reader.fetch('begun', [topicAsked(topic, ...all)])
    await reader.fetch('the same record once more, for nobody has moved on')
    await reader.fetch('moved on', [topicAsked(topic, { partition: 0, fetchOffset: 1 })])
    await reader.fetch('nothing new')
    await session.append(topic, 1, one(session, 'b'))
    await session.append(topic, 2, one(session, 'c'))
    await reader.fetch('two have something')
    await reader.fetch('one is forgotten', [topicAsked(topic, { partition: 1, fetchOffset: 1 })], {
      forgottenTopicsData: [{ topic, partitions: [2] }],
    })
    await session.append(topic, 2, one(session, 'd'))
    await reader.fetch('and is silent')
    await reader.fetch('it is back', [topicAsked(topic, { partition: 2, fetchOffset: 1 })])
    await reader.fetch('ended', [], { sessionEpoch: -1 })
    reader.epoch = 8
    await reader.fetch('gone')
  },

  'sessions in every version': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const topicId = await session.topicId(topic)
    await session.append(topic, 0, one(session, 'a'))
    for (const version of [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]) {
      const named = topicAsked(topic, { partition: 0 }, { partition: 1 })
      const moved = topicAsked(topic, { partition: 0, fetchOffset: 1 })
      const by = (asked: typeof named) => (version < 13 ? asked : { ...asked, topic: '', topicId })
      const reader = new FetchReader(session, version)
      await reader.fetch('begun', [by(named)])
      await reader.fetch('moved on', [by(moved)])
      await reader.fetch('nothing new')
    }
  },

  'ids and turns that are none': async (session) => {
    const topic = await session.topic('orders')
    await session.append(topic, 0, one(session, 'a'))
    const asked = [topicAsked(topic, { partition: 0 })]
    const ask = (step: string, sessionId: number, sessionEpoch: number, topics = asked) =>
      session.ask(step, 'fetch', 12, { ...none, sessionId, sessionEpoch, topics })
    await ask('an id that nobody has', 77, 1)
    await ask('no id, and a turn', 0, 3)
    await ask('no session wanted', 0, -1)
    await ask('an id that nobody has is ended', 77, -1)
    await ask('an id that nobody has begins anew', 77, 0)
    const reader = new FetchReader(session)
    await reader.fetch('begun', asked)
    await ask('a turn ahead', reader.id, 2)
    await ask('the turn', reader.id, 1)
    await ask('the turn once more', reader.id, 1)
    await ask('the next', reader.id, 2)
    await ask('a new one in its place', reader.id, 0)
    await ask('the old one', reader.id, 3)
    const empty = new FetchReader(session)
    await empty.fetch('a session of nothing', [])
  },

  'a session goes on over another connection': async (session) => {
    const topic = await session.topic('orders')
    await session.append(topic, 0, one(session, 'a'))
    const reader = new FetchReader(session)
    await reader.fetch('begun', [topicAsked(topic, { partition: 0 })])
    const over = await session.connection('another')
    const request = { ...none, sessionId: reader.id, sessionEpoch: reader.epoch }
    await session.ask('over another', 'fetch', 12, request, { over })
  },

  'errors come again as long as they last': async (session) => {
    const topic = await session.topic('orders')
    await session.append(topic, 0, one(session, 'a'))
    const nothing = session.name('nothing')
    const reader = new FetchReader(session)
    const asked = [
      topicAsked(topic, { partition: 0, fetchOffset: 1 }, { partition: 4 }),
      topicAsked(nothing, { partition: 0 }),
    ]
    await reader.fetch('begun', asked)
    await reader.fetch('again')
    await reader.fetch('out of range', [topicAsked(topic, { partition: 0, fetchOffset: 99 })])
    await reader.fetch('still out of range')
    await reader.fetch('one less', [], { forgottenTopicsData: [{ topic: nothing, partitions: [0] }] })
    await reader.fetch('back in range', [topicAsked(topic, { partition: 0, fetchOffset: 1 })])
  },

  'what moves is told, records or not': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    for (const value of ['a', 'b']) await session.append(topic, 0, one(session, value))
    const reader = new FetchReader(session)
    await reader.fetch('begun', [topicAsked(topic, { partition: 0, fetchOffset: 2 }, { partition: 1 })])
    const partitions = [{ partitionIndex: 0, offset: 1 }]
    const deletion = { topics: [{ name: topic, partitions }], timeoutMs: 5000 }
    await session.ask('records are deleted', 'deleteRecords', 2, deletion)
    await reader.fetch('the start has moved')
    await reader.fetch('told once')
  },

  'names and ids are not mixed': async (session) => {
    const topic = await session.topic('orders')
    const topicId = await session.topicId(topic)
    const reader = new FetchReader(session)
    await reader.fetch('begun by name', [topicAsked(topic, { partition: 0 })])
    const turn = { ...none, sessionId: reader.id, sessionEpoch: reader.epoch }
    await session.ask('on by id', 'fetch', 13, { ...turn, topics: [] })
    const byId = new FetchReader(session, 13)
    await byId.fetch('begun by id', [{ topicId, partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }])
    await session.ask('on by name', 'fetch', 12, { ...none, sessionId: byId.id, sessionEpoch: byId.epoch })
  },

  'a topic that is deleted while it is read': async (session) => {
    const topic = await session.topic('orders')
    const topicId = await session.topicId(topic)
    const reader = new FetchReader(session, 13)
    await reader.fetch('begun', [{ topicId, partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }])
    await session.ask('deleted', 'deleteTopics', 6, { topics: [{ name: topic }], timeoutMs: 10_000 })
    const gone = (answer: unknown): boolean => JSON.stringify(answer).includes('"errorCode":3')
    const asked = { topics: [{ name: topic }], allowAutoTopicCreation: false }
    await session.ask('', 'metadata', 9, asked, { quiet: true, until: gone })
    await reader.fetch('on')
  },
})
