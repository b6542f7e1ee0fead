import { type Case, contract } from './exchange/contract.ts'
import { GroupMember } from './exchange/group-member.ts'
import { dialects, RawTransaction, type TransactionVersion } from './exchange/raw-transaction.ts'
import type { Session } from './exchange/session.ts'

/** What readers of both kinds see from the start, once the marker of the last transaction is there. */
async function seen(session: Session, step: string, topic: string, end: number): Promise<void> {
  for (const isolationLevel of [0, 1]) {
    const topics = [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }]
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, isolationLevel, topics }
    await session.eventually(`${topic} reaches ${end}`, async () => {
      const answer = await session.ask('', 'fetch', 11, request, { quiet: true })
      return answer !== 'closed' && answer.responses[0]?.partitions[0]?.highWatermark === end
    })
    await session.ask(`${step}, ${isolationLevel === 0 ? 'uncommitted' : 'committed'}`, 'fetch', 11, request)
    const asked = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
    await session.ask(`its end, ${step}, isolation ${isolationLevel}`, 'listOffsets', 7, {
      replicaId: -1,
      isolationLevel,
      topics: asked,
    })
  }
}

function described(session: Session, step: string, transactionalId: string) {
  return session.ask(step, 'describeTransactions', 0, { transactionalIds: [transactionalId] })
}

function life(version: TransactionVersion): Case {
  return async (session) => {
    const topic = await session.topic('orders')
    const id = session.name('tx')
    const tx = new RawTransaction(session, id, version)
    await tx.init('begun')
    await described(session, 'before', id)
    await tx.write('a first record', topic, 'a')
    await tx.write('a second record', topic, 'b')
    await described(session, 'open', id)
    await session.ask('its producer', 'describeProducers', 0, { topics: [{ name: topic, partitionIndexes: [0] }] })
    await seen(session, 'open', topic, 2)
    await tx.end('committed', true)
    await seen(session, 'committed', topic, 3)
    await described(session, 'after', id)
    await tx.write('a record that is given up', topic, 'c')
    await tx.end('aborted', false)
    await seen(session, 'aborted', topic, 5)
    await tx.write('and on', topic, 'd')
    await tx.end('committed again', true)
    await seen(session, 'at last', topic, 7)
    await tx.end('committed with nothing open', true)
    await tx.end('aborted with nothing open', false)
  }
}

function fencing(version: TransactionVersion): Case {
  return async (session) => {
    const topic = await session.topic('orders')
    const id = session.name('tx')
    const old = new RawTransaction(session, id, version)
    await old.init()
    await old.write('', topic, 'a')
    const fresh = new RawTransaction(session, id, version)
    await fresh.init('another takes over')
    await seen(session, 'what was open is aborted', topic, 2)
    await old.produce('the old one writes', topic, 'b')
    await old.end('the old one commits', true)
    await old.add('the old one adds a partition', topic)
    await session.ask('the old one begins anew', 'initProducerId', 4, {
      transactionalId: id,
      transactionTimeoutMs: 60_000,
      producerId: old.producerId,
      producerEpoch: old.producerEpoch,
    })
    await fresh.write('the new one writes', topic, 'c')
    await fresh.end('the new one commits', true)
    await seen(session, 'in the end', topic, 4)
  }
}

function misuse(version: TransactionVersion): Case {
  return async (session) => {
    const topic = await session.topic('orders')
    const tx = new RawTransaction(session, session.name('tx'), version)
    await tx.init()
    await tx.add('a topic that is not there', session.name('nothing'))
    await tx.add('a partition that is not there', topic, 7)
    await tx.add('another producer', topic, 0, { producerId: tx.producerId + 1000 })
    await tx.add('an epoch to come', topic, 0, { producerEpoch: 9 })
    await tx.add('an id that nobody has', topic, 0, { transactionalId: session.name('nobody') })
    await tx.end('the end of another producer', true, { producerId: tx.producerId + 1000 })
    await tx.end('the end of an epoch to come', true, { producerEpoch: 9 })
    await tx.end('the end of an id that nobody has', true, { transactionalId: session.name('nobody') })
    await tx.produce('a record of another producer', topic, 'x', { producerId: tx.producerId + 1000 })
    await tx.write('', topic, 'a')
    await tx.produce('a gap', topic, 'b', { baseSequence: 7 })
    await tx.produce('a record outside of the open transaction', topic, 'b', { transactional: false })
    await tx.end('aborted', false)
    await seen(session, 'in the end', topic, 2)
  }
}

function offsets(version: TransactionVersion): Case {
  return async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    const tx = new RawTransaction(session, session.name('tx'), version)
    await tx.init()
    const one = await GroupMember.of(session, group, 'one')
    await one.join()
    await one.sync('', [one])
    const commit = (step: string, committedOffset: number, more: object = {}) => {
      const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: 'm' }]
      const { generationId, memberId } = one
      const request = { ...tx.identity, groupId: group, generationId, memberId, topics: [{ name: topic, partitions }] }
      return session.ask(step, 'txnOffsetCommit', dialects[version].commitOffsets, { ...request, ...more })
    }
    const add = (step: string) => session.ask(step, 'addOffsetsToTxn', 3, { ...tx.identity, groupId: group })
    const asked = { groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }] }
    const kept = (step: string, requireStable: boolean) =>
      session.ask(step, 'offsetFetch', 7, { ...asked, requireStable })
    const settled = (step: string, offset: number) =>
      session.ask(
        step,
        'offsetFetch',
        7,
        { ...asked, requireStable: true },
        {
          until: (answer) => JSON.stringify(answer).includes(`"committedOffset":${offset},`),
        },
      )
    if (version === 1) await add('the group is added')
    await commit('offset 5', 5)
    await kept('pending', false)
    await kept('pending, stable wanted', true)
    await tx.end('committed', true)
    await settled('there', 5)
    if (version === 1) await add('the group is added again')
    await commit('offset 9', 9)
    await tx.end('aborted', false)
    await settled('not there', 5)
    if (version === 1) await add('the group is added once more')
    await commit('another generation', 6, { generationId: 77 })
    await commit('nobody', 6, { memberId: 'nobody' })
    await commit('neither member nor generation', 6, { memberId: '', generationId: -1 })
    await commit('an old epoch', 6, { producerEpoch: 0 })
    await commit('metadata too long', 6, {
      topics: [
        { name: topic, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'x'.repeat(5000) }] },
      ],
    })
    await commit('no group id', 6, { groupId: '' })
    await tx.end('committed at last', true)
  }
}

const both = (name: string, of: (version: TransactionVersion) => Case): Readonly<Record<string, Case>> => ({
  [`${name}, version 1`]: of(1),
  [`${name}, version 2`]: of(2),
})

contract('transactions', {
  ...both('a life', life),
  ...both('fencing', fencing),
  ...both('misuse', misuse),
  ...both('offsets', offsets),

  beginnings: async (session) => {
    const ask = (step: string, request: object, version = 4) =>
      session.ask(step, 'initProducerId', version, { transactionTimeoutMs: 60_000, ...request })
    await session.everyVersion('every version', 'initProducerId', (version) => ({
      transactionalId: session.name(`tx-${version}`),
      transactionTimeoutMs: 60_000,
    }))
    const transactionalId = session.name('tx')
    await ask('an empty id', { transactionalId: '' })
    await ask('a timeout too long', { transactionalId, transactionTimeoutMs: 100_000_000 })
    await ask('no timeout', { transactionalId, transactionTimeoutMs: 0 })
    const first = await ask('the first', { transactionalId })
    await ask('the second', { transactionalId })
    if (first === 'closed') return
    const { producerId } = first
    await ask('as who it was', { transactionalId, producerId, producerEpoch: 1 })
    await ask('as who it was once', { transactionalId, producerId, producerEpoch: 0 })
    await ask('as somebody else', { transactionalId, producerId: producerId + 1000, producerEpoch: 1 })
    await ask('with an epoch and no id', { transactionalId, producerId: -1, producerEpoch: 1 })
  },

  'a partition is named in every version': async (session) => {
    const topic = await session.topic('orders')
    const tx = new RawTransaction(session, session.name('tx'), 1)
    await tx.init()
    const topics = [{ name: topic, partitions: [0] }]
    const request = { transactions: [{ ...tx.identity, topics }] }
    await session.everyVersion('added', 'addPartitionsToTxn', request, { max: 3 })
    const group = session.name('group')
    await session.everyVersion('offsets added', 'addOffsetsToTxn', { ...tx.identity, groupId: group })
    await session.ask('offsets of no group', 'addOffsetsToTxn', 3, { ...tx.identity, groupId: '' })
    await tx.end('aborted', false)
  },

  'a transaction that takes too long': async (session) => {
    const topic = await session.topic('orders')
    const tx = new RawTransaction(session, session.name('tx'), 2)
    await tx.init('', { transactionTimeoutMs: 2_000 })
    await tx.write('', topic, 'a')
    await seen(session, 'aborted by the broker', topic, 2)
    await tx.produce('it writes on', topic, 'b')
    await tx.end('it commits', true)
    await described(session, 'described', tx.transactionalId)
  },

  listing: async (session) => {
    const topic = await session.topic('orders')
    const open = new RawTransaction(session, session.name('open'), 2)
    await open.init()
    await open.write('', topic, 'a')
    const idle = new RawTransaction(session, session.name('idle'), 2)
    await idle.init()
    const mine = [open.transactionalId, idle.transactionalId]
    for (const [step, request] of [
      ['all', {}],
      ['open ones', { stateFilters: ['Ongoing'] }],
      ['a state that is none', { stateFilters: ['Sleeping'] }],
      ['of a producer', { producerIdFilters: [idle.producerId] }],
      ['long ones', { durationFilter: 1_000_000 }],
    ] as const) {
      const answer = await session.ask('', 'listTransactions', 1, request, { quiet: true })
      if (answer === 'closed') throw new Error('closed')
      const states = answer.transactionStates.filter(({ transactionalId }) => mine.includes(transactionalId))
      const known = Object.fromEntries(states.map((each) => [each.transactionalId, each.transactionState]))
      session.note(step, { errorCode: answer.errorCode, unknown: answer.unknownStateFilters, known })
    }
    await described(session, 'an id that nobody has', session.name('nobody'))
    await open.end('', false)
  },

  'writing without a transactional id': async (session) => {
    const topic = await session.topic('orders')
    const tx = new RawTransaction(session, session.name('tx'), 1)
    await tx.init()
    await tx.produce('a partition that was not named', topic, 'a')
    const v2 = new RawTransaction(session, session.name('tx2'), 2)
    await v2.init()
    await v2.produce('begins at 5', topic, 'a', { baseSequence: 5 })
  },
})
