import type { GroupMetadata, OffsetAndMetadata, Producer, ProducerOptions } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScriptedCluster } from './scripted-cluster.ts'

const group: GroupMetadata = { groupId: 'g', generation: 3, memberId: 'm', groupInstanceId: null }

function positions(...partitions: readonly number[]): TopicPartitionMap<OffsetAndMetadata> {
  const map = new TopicPartitionMap<OffsetAndMetadata>()
  for (const partition of partitions) map.set('in', partition, { offset: offset(5), leaderEpoch: -1, metadata: '' })
  return map
}

let cluster: ScriptedCluster
beforeEach(() => {
  cluster = new ScriptedCluster()
})
afterEach(() => cluster.stop())

/** A producer with its topic open, after `initTransactions`. */
async function ready(options: ProducerOptions = {}): Promise<Producer> {
  const producer = cluster.client().producer({ transactionalId: 'x', ...options })
  await cluster.settled(producer.open('out'))
  await cluster.settled(producer.initTransactions())
  cluster.story()
  return producer
}

/** One record to each partition; how they fared. */
function send(producer: Producer, ...partitions: readonly number[]): Promise<string[]> {
  const sent = partitions.map((partition) => producer.send({ topic: 'out', partition, value: 'v' }))
  return Promise.all(sent.map((each) => each.then(() => 'ok', codeOf)))
}

const codeOf = (error: unknown) => String((error as { code?: unknown }).code)
const outcome = (promise: Promise<unknown>) => cluster.settled(promise.then(() => 'ok', codeOf))

describe('a transaction under version 2', () => {
  it('is its records and its end; the next one goes under the epoch of the answer, from sequence 0', async () => {
    const producer = await ready()
    for (let i = 0; i < 2; i++) {
      producer.beginTransaction()
      void send(producer, 0, 1)
      await cluster.settled(producer.commitTransaction())
    }
    expect(cluster.story()).toEqual(['produce 0:0/0 1:0/0', 'commit 0', 'produce 0:1/0 1:1/0', 'commit 1'])
  })

  it('commits offsets without adding their group first', async () => {
    const producer = await ready()
    producer.beginTransaction()
    await cluster.settled(producer.sendOffsets(positions(0, 1), group))
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story()).toEqual(['offsets 0,1', 'commit 0'])
  })

  it('ends without a word where nothing was written', async () => {
    const producer = await ready()
    producer.beginTransaction()
    await cluster.settled(producer.sendOffsets(positions(), group))
    await cluster.settled(producer.commitTransaction())
    producer.beginTransaction()
    await cluster.settled(producer.abortTransaction())
    expect(cluster.story()).toEqual([])
  })

  it('asks for no epoch after a failure: the end has raised it', async () => {
    const producer = await ready()
    cluster.fate('produce', 'INVALID_TXN_STATE')
    producer.beginTransaction()
    void send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    await cluster.settled(producer.abortTransaction())
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story()).toEqual(['produce 0:0/0', 'abort 0', 'produce 0:1/0', 'commit 1'])
  })

  it('keeps several batches in flight to a partition from the first on', async () => {
    const producer = await ready({ batchBytes: 1 })
    cluster.fate('produce', 'held', 'held', 'held')
    producer.beginTransaction()
    void send(producer, 0, 0, 0)
    await cluster.clock.advance(1)
    expect(cluster.story()).toEqual(['produce 0:0/0', 'produce 0:0/1', 'produce 0:0/2'])
    cluster.answer()
    await cluster.settled(producer.commitTransaction())
  })
})

describe('a transaction under version 1', () => {
  beforeEach(() => {
    cluster.transactionVersion = 1
  })

  it('adds its partitions in one request, before they are written to, and speaks no version that means more', async () => {
    const producer = await ready()
    for (let i = 0; i < 2; i++) {
      producer.beginTransaction()
      void send(producer, 0, 1, 2)
      await cluster.settled(producer.commitTransaction())
    }
    expect(cluster.story()).toEqual([
      'add 0,1,2 v3',
      'produce 0:0/0 1:0/0 2:0/0 v11',
      'commit 0 v4',
      'add 0,1,2 v3',
      'produce 0:0/1 1:0/1 2:0/1 v11',
      'commit 0 v4',
    ])
  })

  it('adds what is met while a request is out with the next one', async () => {
    const producer = await ready()
    cluster.fate('addPartitionsToTxn', 'held')
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.clock.advance(1)
    void send(producer, 2, 1)
    await cluster.clock.advance(1)
    cluster.answer()
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story().filter((word) => word.startsWith('add'))).toEqual(['add 0 v3', 'add 2,1 v3'])
  })

  it('adds the group, then commits its offsets', async () => {
    const producer = await ready()
    producer.beginTransaction()
    await cluster.settled(producer.sendOffsets(positions(0), group))
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story()).toEqual(['addOffsetsToTxn', 'offsets 0 v4', 'commit 0 v4'])
  })

  it('waits a few milliseconds for the transaction before it', async () => {
    const producer = await ready()
    cluster.fate('addPartitionsToTxn', 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS')
    const beganMs = cluster.clock.monotonicMs()
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.commitTransaction())
    expect(cluster.clock.monotonicMs() - beganMs).toBeLessThan(30)
  })

  it('asks for the next epoch after a failed batch, so that nothing late is taken for the next transaction', async () => {
    const producer = await ready()
    cluster.fate('produce', 'UNKNOWN_PRODUCER_ID')
    producer.beginTransaction()
    const fared = send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await fared).toEqual(['UNKNOWN_PRODUCER_ID'])
    await cluster.settled(producer.abortTransaction())
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story().slice(2)).toEqual(['abort 0 v4', 'init 7/0', 'add 0 v3', 'produce 0:1/0 v11', 'commit 1 v4'])
  })

  it('goes on with the sequence of what was dropped unsent', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.commitTransaction())
    cluster.fate('addPartitionsToTxn', 'held')
    producer.beginTransaction()
    const dropped = send(producer, 0)
    await cluster.clock.advance(1)
    const aborting = producer.abortTransaction()
    cluster.answer()
    await cluster.settled(aborting)
    expect(await dropped).toEqual(['ABORTED'])
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story().slice(3)).toEqual(['add 0 v3', 'abort 0 v4', 'add 0 v3', 'produce 0:0/1 v11', 'commit 0 v4'])
  })

  it('has nothing to abort where the request that would have begun it was lost', async () => {
    const producer = await ready()
    cluster.fate('addPartitionsToTxn', 'COORDINATOR_LOAD_IN_PROGRESS', 'held')
    cluster.fate('endTxn', 'INVALID_TXN_STATE')
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.clock.advance(1)
    await cluster.settled(producer.abortTransaction())
    expect(cluster.story()).toEqual(['add 0 v3', 'abort 0 v4', 'init 7/0'])
    producer.beginTransaction()
  })

  it('cannot go on after a failure where the broker raises no epochs', async () => {
    cluster.initProducerIdMax = 2
    const producer = await ready()
    cluster.fate('produce', 'UNKNOWN_PRODUCER_ID')
    producer.beginTransaction()
    void send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('UNSUPPORTED_VERSION')
    expect(await outcome(producer.abortTransaction())).toBe('UNSUPPORTED_VERSION')
  })

  it('ends under its own rules when the features have risen, and hands over with an epoch', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.flush())
    cluster.transactionVersion = 2
    cluster.disconnect()
    await cluster.settled(producer.commitTransaction())
    producer.beginTransaction()
    void send(producer, 1)
    await cluster.settled(producer.commitTransaction())
    expect(cluster.story().slice(2)).toEqual(['commit 0 v4', 'init 7/0', 'produce 1:1/0', 'commit 1'])
  })
})

describe.each([1, 2])('under version %i a producer', (version) => {
  beforeEach(() => {
    cluster.transactionVersion = version
  })

  it('is refused where the state does not allow it, and told what to call', async () => {
    const producer = cluster.client().producer({ transactionalId: 'x' })
    const handle = await cluster.settled(producer.open('out'))
    const none = { write: () => {} }
    const append = () => producer.append(handle, 0, 0, null, none, null, none, null)
    expect(() => producer.beginTransaction()).toThrow(/initTransactions\(\)/)
    expect(append).toThrow(/initTransactions\(\)/)
    expect(await outcome(producer.commitTransaction())).toBe('STATE')
    await cluster.settled(producer.initTransactions())
    expect(await outcome(producer.initTransactions())).toBe('STATE')
    expect(append).toThrow(/beginTransaction\(\)/)
    expect(await outcome(producer.abortTransaction())).toBe('STATE')
    expect(await outcome(producer.sendOffsets(positions(0), group))).toBe('STATE')
    producer.beginTransaction()
    expect(() => producer.beginTransaction()).toThrow(/A transaction is open/)
  })

  it('waits out the transaction that another left behind', async () => {
    cluster.fate('initProducerId', 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'lost')
    const producer = cluster.client().producer({ transactionalId: 'x' })
    await cluster.settled(producer.initTransactions())
    expect(cluster.story()).toEqual(['init', 'init', 'init', 'init', 'init'])
  })

  it('may ask for its id again when the first call was refused or ran out of time', async () => {
    const producer = cluster.client().producer({ transactionalId: 'x', maxBlockMs: 500, requestTimeoutMs: 200 })
    cluster.fate('initProducerId', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', ...Array(20).fill('silent'))
    expect(await outcome(producer.initTransactions())).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    const beganMs = cluster.clock.monotonicMs()
    expect(await outcome(producer.initTransactions())).toBe('REQUEST_TIMED_OUT')
    expect(cluster.clock.monotonicMs() - beganMs).toBeLessThan(510)
    const giveUp = AbortSignal.abort()
    expect(await outcome(producer.initTransactions({ signal: giveUp }))).toBe('ABORTED')
  })

  it('ends a transaction at the coordinator that took over, with the same request', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.flush())
    cluster.story()
    cluster.fate('endTxn', 'NOT_COORDINATOR', 'lost', 'COORDINATOR_LOAD_IN_PROGRESS')
    cluster.coordinator = 2
    const committing = producer.commitTransaction()
    await cluster.settled(committing)
    const ends = cluster.asked.filter(({ api }) => api === 'endTxn')
    expect(ends.map(({ node }) => node)).toEqual([1, 2, 2, 2])
    expect(new Set(ends.map(({ request }) => JSON.stringify(request))).size).toBe(1)
  })

  it('does not know how a commit ended that nobody answered, and goes on with it when called again', async () => {
    const producer = await ready({ maxBlockMs: 1_000, requestTimeoutMs: 400 })
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.flush())
    cluster.story()
    cluster.fate('endTxn', 'silent', 'silent', 'silent')
    expect(await outcome(producer.commitTransaction())).toBe('REQUEST_TIMED_OUT')
    expect(await outcome(producer.abortTransaction())).toBe('STATE')
    expect(() => producer.beginTransaction()).toThrow(/commitTransaction\(\) has not finished/)
    expect(await outcome(producer.commitTransaction())).toBe('ok')
    producer.beginTransaction()
  })

  it('gives a commit up when the signal fires, and goes on with it when called again', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    cluster.fate('endTxn', 'held')
    const giveUp = new AbortController()
    const committing = producer.commitTransaction({ signal: giveUp.signal }).then(() => 'ok', codeOf)
    await cluster.until('endTxn')
    giveUp.abort()
    expect(await committing).toBe('ABORTED')
    expect(await outcome(producer.commitTransaction())).toBe('ok')
  })

  it('can only close after it was fenced', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    cluster.fate('endTxn', 'INVALID_PRODUCER_EPOCH')
    expect(await outcome(producer.commitTransaction())).toBe('PRODUCER_FENCED')
    expect(await outcome(producer.abortTransaction())).toBe('PRODUCER_FENCED')
    expect(() => producer.beginTransaction()).toThrow(/\[PRODUCER_FENCED\]/)
    expect(await send(producer, 0)).toEqual(['PRODUCER_FENCED'])
    await cluster.settled(producer.close())
  })

  it('learns from a partition that its epoch is old, and from the coordinator whether it was fenced', async () => {
    const producer = await ready()
    producer.beginTransaction()
    cluster.fate('produce', 'INVALID_PRODUCER_EPOCH')
    cluster.fate('endTxn', 'PRODUCER_FENCED')
    void send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await outcome(producer.abortTransaction())).toBe('PRODUCER_FENCED')
  })

  it('drops and counts what was not sent, waits for what was, and begins the next one clean', async () => {
    const producer = await ready({ batchBytes: 1, maxInFlight: 1 })
    cluster.fate('produce', 'held')
    producer.beginTransaction()
    const fared = send(producer, 0, 0, 0, 1)
    await cluster.until('produce')
    let isOver = false
    const aborting = producer.abortTransaction().then(() => {
      isOver = true
    })
    await cluster.clock.advance(50)
    expect(isOver).toBe(false)
    cluster.answer()
    await cluster.settled(aborting)
    expect(await fared).toEqual(['ok', 'ABORTED', 'ABORTED', 'ok'])
    expect(cluster.metrics.snapshot().get('millrace_client_records_aborted_total')).toBe(2)
    producer.beginTransaction()
    void send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('ok')
  })

  it('fails what follows a failed record, and refuses more until the abort', async () => {
    const producer = await ready({ batchBytes: 1, maxInFlight: 1 })
    cluster.fate('produce', 'TOPIC_AUTHORIZATION_FAILED')
    producer.beginTransaction()
    const fared = send(producer, 0, 0)
    await cluster.clock.advance(10)
    expect(await fared).toEqual(['TOPIC_AUTHORIZATION_FAILED', 'TRANSACTION_ABORTABLE'])
    expect(await send(producer, 0)).toEqual(['TRANSACTION_ABORTABLE'])
    expect(await outcome(producer.sendOffsets(positions(0), group))).toBe('TRANSACTION_ABORTABLE')
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await outcome(producer.abortTransaction())).toBe('ok')
  })

  it('takes a record along that was sent before its topic was known', async () => {
    const producer = cluster.client().producer({ transactionalId: 'x' })
    await cluster.settled(producer.initTransactions())
    producer.beginTransaction()
    const fared = send(producer, 0)
    expect(await outcome(producer.commitTransaction())).toBe('ok')
    expect(await fared).toEqual(['ok'])
    expect(cluster.story().some((word) => word.startsWith('produce 0:0/0'))).toBe(true)
  })

  it('does not commit without a record that could not be appended', async () => {
    const producer = await ready()
    producer.beginTransaction()
    const fared = producer.send({ topic: 'missing', value: 'v' }).then(() => 'ok', codeOf)
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await fared).toBe('INVALID_TOPIC_EXCEPTION')
  })

  it('leaves no record of an aborted transaction to the next one', async () => {
    const producer = cluster.client().producer({ transactionalId: 'x' })
    await cluster.settled(producer.initTransactions())
    producer.beginTransaction()
    const fared = send(producer, 0)
    const aborting = producer.abortTransaction()
    await cluster.settled(aborting)
    producer.beginTransaction()
    expect(await cluster.settled(fared)).toEqual(['ABORTED'])
    expect(await outcome(producer.commitTransaction())).toBe('ok')
    expect(cluster.story().filter((word) => word.startsWith('produce'))).toEqual([])
  })

  it('asks again only for the offsets that were not taken', async () => {
    const producer = await ready()
    producer.beginTransaction()
    cluster.fate('txnOffsetCommit', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR')
    await cluster.settled(producer.sendOffsets(positions(0, 1), group))
    const words = cluster.story().filter((word) => word.startsWith('offsets'))
    expect(words.map((text) => text.split(' ')[1])).toEqual(['0,1', '0', '0'])
  })

  it('can only abort when its group has gone on without it', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    cluster.fate('txnOffsetCommit', 'ILLEGAL_GENERATION')
    expect(await outcome(producer.sendOffsets(positions(0), group))).toBe('ILLEGAL_GENERATION')
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await outcome(producer.abortTransaction())).toBe('ok')
  })

  it('commits no offsets after a call for them was given up', async () => {
    const producer = await ready()
    producer.beginTransaction()
    cluster.fate('txnOffsetCommit', 'held')
    const giveUp = new AbortController()
    const sending = producer.sendOffsets(positions(0), group, { signal: giveUp.signal }).then(() => 'ok', codeOf)
    await cluster.until('txnOffsetCommit')
    giveUp.abort()
    expect(await sending).toBe('ABORTED')
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
  })

  it('aborts what is open when it is closed', async () => {
    const producer = await ready()
    producer.beginTransaction()
    const fared = send(producer, 0)
    await cluster.settled(producer.flush())
    expect(await fared).toEqual(['ok'])
    cluster.story()
    await cluster.settled(producer.close())
    expect(cluster.story()).toEqual([version === 1 ? 'abort 0 v4' : 'abort 0'])
  })

  it('gives an abort that must be aborted up', async () => {
    const producer = await ready()
    producer.beginTransaction()
    void send(producer, 0)
    await cluster.settled(producer.flush())
    cluster.fate('endTxn', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE')
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(await outcome(producer.abortTransaction())).toBe('TRANSACTION_ABORTABLE')
    expect(() => producer.beginTransaction()).toThrow(/TRANSACTION_ABORTABLE/)
    expect(await outcome(producer.abortTransaction())).toBe('TRANSACTION_ABORTABLE')
  })
})

it('refuses options that do not go together', () => {
  const client = cluster.client()
  expect(() => client.producer({ transactionalId: '' })).toThrow(/producer\.transactionalId: must be a name/)
  expect(() => client.producer({ transactionalId: 'x', acks: 1 })).toThrow(/needs acks "all"/)
  expect(() => client.producer({ transactionalId: 'x', idempotent: false })).toThrow(/needs acks "all"/)
  expect(() => client.producer({ transactionalId: 'x', transactionTimeoutMs: 0 })).toThrow(/transactionTimeoutMs/)
  expect(() => client.producer().beginTransaction()).toThrow(/Make the producer with a transactionalId/)
})
