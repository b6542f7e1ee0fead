import { errorCodeOf } from '@millrace/kernel'
import { describe, expect, test } from 'vitest'
import { CoordinatorLog } from '../src/coordinator-log.ts'
import { encodeTransaction, encodeTransactionKey } from '../src/transaction/transaction-format.ts'
import { newTransaction } from '../src/transaction/transaction-steps.ts'
import { BrokerBench, recordsOf, valuesOf } from './broker-bench.ts'
import { readCommitted } from './read-committed.ts'
import { TransactionalProducer } from './transactional-producer.ts'

const everyVersion = [1, 2] as const

async function started(settings = {}): Promise<BrokerBench> {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('in')
  await bench.createTopic('out', 2)
  return bench
}

async function offsetOf(bench: BrokerBench, groupId: string, topic: string, requireStable = false) {
  const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }]
  const answer = await bench.send('offsetFetch', { groups, requireStable }, 9)
  const partition = answer.groups[0]?.topics[0]?.partitions[0]
  return [errorCodeOf(partition?.errorCode ?? -1), partition?.committedOffset]
}

async function described(bench: BrokerBench, transactionalId: string) {
  const { transactionStates } = await bench.send('describeTransactions', { transactionalIds: [transactionalId] })
  return transactionStates[0]
}

describe.each(everyVersion)('transaction version %i', (version) => {
  test('what is committed is seen at once and together, what is aborted never', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version)
    expect(await producer.send('out', 0, ['a'])).toBe('NONE')
    expect(await producer.send('out', 1, ['b'])).toBe('NONE')
    expect(await producer.send('out', 0, ['c'])).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'c'])
    expect(await readCommitted(bench, 'out', 1)).toEqual(['b'])
    expect(await producer.send('out', 0, ['x'])).toBe('NONE')
    expect(await producer.end(false)).toBe('NONE')
    expect(await producer.send('out', 0, ['d'])).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'c'])
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'c', 'd'])
    expect(valuesOf(recordsOf(await bench.fetch('out', 0)).records)).toContain('x')
  })

  test('offsets are seen with the commit; before it the group is unstable; aborted ones vanish', async () => {
    const bench = await started()
    await bench.commit('g', 'in', 1)
    const producer = await TransactionalProducer.start(bench, 'tx', version)
    expect(await producer.commitOffset('g', 'in', 5)).toBe('NONE')
    expect(await offsetOf(bench, 'g', 'in')).toEqual(['NONE', 1])
    expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['UNSTABLE_OFFSET_COMMIT', -1])
    expect(await producer.end(false)).toBe('NONE')
    expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['NONE', 1])
    expect(await producer.commitOffset('g', 'in', 7)).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
    expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['NONE', 7])
    const again = await bench.restart()
    expect(await offsetOf(again, 'g', 'in', true)).toEqual(['NONE', 7])
  })

  test('a producer that was replaced can do nothing more, and its transaction is aborted', async () => {
    const bench = await started()
    const old = await TransactionalProducer.start(bench, 'tx', version)
    await old.send('out', 0, ['lost'])
    const fresh = await TransactionalProducer.start(bench, 'tx', version)
    expect(fresh.producerId).toBe(old.producerId)
    expect(fresh.epoch).toBeGreaterThan(old.epoch)
    expect(await old.send('out', 0, ['x'])).toBe(version === 1 ? 'PRODUCER_FENCED' : 'INVALID_PRODUCER_EPOCH')
    expect(await old.write('out', 0, ['x'])).toBe('INVALID_PRODUCER_EPOCH')
    expect(await old.end(true)).toBe('PRODUCER_FENCED')
    expect(await old.init(60_000, true)).toBe('PRODUCER_FENCED')
    await fresh.send('out', 0, ['kept'])
    expect(await fresh.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['kept'])
  })

  test('a transaction that is open for too long is aborted, and its producer fenced', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version, 5000)
    await producer.send('out', 0, ['late'])
    await producer.commitOffset('g', 'in', 5)
    await bench.clock.advance(21_000)
    await bench.clock.turn()
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'CompleteAbort', topics: [] })
    expect(await producer.end(true)).toBe(version === 2 ? 'INVALID_TXN_STATE' : 'PRODUCER_FENCED')
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['NONE', -1])
    const fresh = await TransactionalProducer.start(bench, 'tx', version)
    await fresh.send('out', 0, ['a'])
    expect(await fresh.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
  })

  test('the timeout of a transaction counts from its start, whoever restarts the broker', async () => {
    let bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version, 60_000)
    await producer.send('out', 0, ['late'])
    const since = (await described(bench, 'tx'))?.transactionStartTimeMs
    await bench.clock.advance(15_000)
    bench = await BrokerBench.start({}, bench.disk.kill(), bench.clock) // it was looked for what is open once
    expect(await described(bench, 'tx')).toMatchObject({ transactionStartTimeMs: since })
    await bench.clock.advance(5000)
    bench = await bench.restart()
    expect(await described(bench, 'tx')).toMatchObject({ transactionStartTimeMs: since })
    await bench.clock.advance(39_000)
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'Ongoing' })
    await bench.clock.advance(12_000)
    await bench.clock.turn()
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'CompleteAbort' })
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
  })

  test('a clean stop notes a transaction that has just begun', async () => {
    let bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version)
    await producer.send('out', 0, ['a'])
    const since = (await described(bench, 'tx'))?.transactionStartTimeMs
    bench = await bench.restart()
    await bench.clock.advance(1000)
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'Ongoing', transactionStartTimeMs: since })
    producer.bench = bench
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
  })

  test('a transaction goes on after a restart and after a power cut, and what is ended stays so', async () => {
    for (let seed = 0; seed < 20; seed++) {
      let bench = await started()
      const producer = await TransactionalProducer.start(bench, 'tx', version)
      await producer.send('out', 0, ['a'])
      await producer.commitOffset('g', 'in', 3)
      await producer.end(true)
      await producer.send('out', 1, ['b'])
      await producer.commitOffset('g', 'in', 4)
      bench = seed % 4 === 0 ? await bench.restart() : await bench.powerCut(seed)
      producer.bench = bench
      expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'Ongoing', producerEpoch: producer.epoch })
      expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
      expect(await offsetOf(bench, 'g', 'in')).toEqual(['NONE', 3])
      expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['UNSTABLE_OFFSET_COMMIT', -1])
      expect(await producer.send('out', 1, ['c'])).toBe('NONE')
      expect(await producer.end(seed % 2 === 0)).toBe('NONE')
      bench = await bench.powerCut(seed + 100)
      expect(await readCommitted(bench, 'out', 1)).toEqual(seed % 2 === 0 ? ['b', 'c'] : [])
      expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['NONE', seed % 2 === 0 ? 4 : 3])
    }
  })

  test('a repeated end is answered as the first one was', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version)
    const before = producer.epoch
    await producer.send('out', 0, ['a'])
    expect(await producer.end(true)).toBe('NONE')
    const after = producer.epoch
    expect(after - before).toBe(version === 2 ? 1 : 0)
    producer.epoch = before
    expect(await producer.end(false)).toBe('INVALID_TXN_STATE')
    expect(await producer.end(true)).toBe('NONE')
    expect(producer.epoch).toBe(after)
    await producer.send('out', 0, ['b'])
    const [first, second] = await Promise.all([producer.end(true), producer.end(true)])
    expect([first, second]).toEqual(['NONE', 'NONE'])
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'b'])
  })

  test('a read_committed poll wakes with the commit', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', version)
    const polled = bench.fetch('out', 0, { maxWaitMs: 60_000, isolationLevel: 1 })
    await producer.send('out', 0, ['a'])
    const latest = async (isolationLevel: number) => {
      const topics = [{ name: 'out', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
      return (await bench.send('listOffsets', { topics, isolationLevel })).topics[0]?.partitions[0]?.offset
    }
    expect(await latest(0)).toBe(1)
    expect(await latest(1)).toBe(0)
    await producer.end(true)
    expect(valuesOf(recordsOf(await polled).records)).toContain('a')
    expect(await latest(1)).toBe(2)
  })

  test('the epochs of an id run out, and the producer goes on with another one', async () => {
    for (const goesOn of [false, true]) {
      const { bench, producer } = await aged(await started(), version)
      const old = producer.producerId
      expect(await producer.init(60_000, goesOn)).toBe('NONE')
      expect(producer.epoch).toBe(0)
      expect(producer.producerId).not.toBe(old)
      await producer.send('out', 0, ['a'])
      expect(await producer.end(true)).toBe('NONE')
      expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
    }
  })
})

test('under version 2 the epochs run out at the end of a transaction, too', async () => {
  const { bench: before, producer } = await aged(await started(), 2)
  const old = producer.producerId
  await producer.send('out', 0, ['a'])
  await producer.commitOffset('g', 'in', 1)
  expect(await producer.end(true)).toBe('NONE')
  expect(producer.epoch).toBe(0)
  expect(producer.producerId).not.toBe(old)
  await producer.send('out', 0, ['b'])
  const bench = await before.powerCut(1)
  producer.bench = bench
  expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
  expect(await producer.end(true)).toBe('NONE')
  expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'b'])
})

/** A producer with the last epoch that a client is given. */
async function aged(bench: BrokerBench, version: 1 | 2) {
  const { producerId } = await TransactionalProducer.start(bench, 'tx', version)
  const log = new CoordinatorLog(bench.directory, bench.broker.ports, {
    name: '__transaction_state',
    what: 'transactions',
    partitions: 4,
    configs: new Map(),
  })
  const old = { ...newTransaction('tx', producerId, 60_000, bench.clock.nowMs()), epoch: 32_766 }
  log.append('tx', [{ key: encodeTransactionKey('tx'), value: encodeTransaction(old, true) }])
  const again = await bench.restart()
  const producer = new TransactionalProducer(again, 'tx', version)
  producer.become(producerId, 32_766)
  return { bench: again, producer }
}

describe('what is refused', () => {
  test('timeouts out of range, empty ids, half a claim', async () => {
    const bench = await started({ 'transaction.max.timeout.ms': 1000 })
    const init = async (request: object) => errorCodeOf((await bench.send('initProducerId', request, 5)).errorCode)
    expect(await init({ transactionalId: 'tx', transactionTimeoutMs: 1001 })).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect(await init({ transactionalId: 'tx', transactionTimeoutMs: 0 })).toBe('INVALID_TRANSACTION_TIMEOUT')
    expect(await init({ transactionalId: '', transactionTimeoutMs: 1000 })).toBe('INVALID_REQUEST')
    expect(await init({ transactionalId: 'tx', transactionTimeoutMs: 1000, producerId: 1 })).toBe('INVALID_REQUEST')
  })

  test('a batch for a partition that was not added, as each version knows it', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx', 1)
    expect(await producer.write('out', 0, ['a'])).toBe('TRANSACTION_ABORTABLE')
    await producer.add('out', [0])
    expect(await producer.write('out', 1, ['a'])).toBe('TRANSACTION_ABORTABLE')
    expect(await producer.write('out', 0, ['a'])).toBe('NONE')
    expect(await producer.add('out', [7])).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    producer.producerId += 1
    expect(await producer.write('out', 0, ['a'])).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect(await producer.end(true)).toBe('INVALID_PRODUCER_ID_MAPPING')
    const unknown = new TransactionalProducer(bench, 'nobody', 1)
    expect(await unknown.end(true)).toBe('INVALID_PRODUCER_ID_MAPPING')
  })

  test('one transaction more than may be open waits, and goes on when another has ended', async () => {
    const bench = await started({ 'transaction.open.max': 1 })
    const first = await TransactionalProducer.start(bench, 'first', 1)
    const second = await TransactionalProducer.start(bench, 'second', 2)
    await first.send('out', 0, ['a'])
    expect(await second.send('out', 0, ['b'])).toBe('CONCURRENT_TRANSACTIONS')
    expect(bench.metrics.snapshot().get('millrace_broker_transactions_open')).toBe(1)
    await first.end(true)
    expect(await second.send('out', 0, ['b'])).toBe('NONE')
    expect(await first.add('out', [0])).toBe('CONCURRENT_TRANSACTIONS')
    expect(await second.end(true)).toBe('NONE')
    expect(bench.metrics.snapshot().get('millrace_broker_transactions_open')).toBe(0)
  })

  test('a commit while the disk is full: undecided, and decided once there is room', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    bench.disk.faults.capacityBytes = 0
    expect(await producer.end(true)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
  })

  test('a marker that found no room is written once there is some, though nobody asks', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    bench.disk.faults.failWrite = (path) => {
      if (path.includes('/out-0/')) bench.disk.faults.capacityBytes = 0
      return false
    }
    expect(await producer.end(true)).toBe('NONE')
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'PrepareCommit' })
    await bench.clock.advance(30_000)
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    bench.disk.faults.failWrite = undefined
    bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    await bench.clock.advance(10_000)
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'CompleteCommit' })
    expect(await producer.send('out', 0, ['b'])).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
  })

  test('a partition whose disk fails gets its marker at the next start, and the others are not held up', async () => {
    let bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    await producer.send('out', 1, ['b'])
    bench.disk.faults.failWrite = (path) => path.includes('/out-0/')
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    expect(await readCommitted(bench, 'out', 1)).toEqual(['b'])
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'PrepareCommit' })
    expect(await producer.init()).toBe('CONCURRENT_TRANSACTIONS')
    bench = await bench.powerCut(1)
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
    expect(await described(bench, 'tx')).toMatchObject({ transactionState: 'CompleteCommit' })
  })

  test('a partition whose disk failed gets its marker when the disk works again, without a start', async () => {
    const bench = await started()
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    bench.disk.faults.failWrite = (path) => path.includes('/out-0/')
    expect(await producer.end(true)).toBe('NONE')
    await bench.clock.advance(30_000)
    expect(await readCommitted(bench, 'out', 0)).toEqual([])
    bench.disk.faults.failWrite = undefined
    await ended(bench)
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
    expect(await producer.send('out', 0, ['b'])).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a', 'b'])
  })

  test('a marker that the disk has lost, for its sync failed, is written again', async () => {
    const bench = await started()
    const path = '/data/out-0/00000000000000000000.log'
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    const before = bench.disk.readWhole(path)?.length ?? 0
    bench.disk.faults.failSync = (synced) => synced.includes('/out-0/')
    expect(await producer.end(true)).toBe('NONE')
    await bench.clock.advance(2000)
    expect(bench.directory.partition('out', 0)?.failure).toBeDefined()
    bench.disk.open(path, 'write').truncate(before)
    bench.disk.faults.failSync = undefined
    await bench.clock.advance(30_000)
    await ended(bench)
    expect(bench.directory.partition('out', 0)?.openTransaction(producer.producerId)).toBeUndefined()
    expect(await readCommitted(bench, 'out', 0)).toEqual(['a'])
    expect(await producer.send('out', 0, ['b'])).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
    for (let seed = 0; seed < 5; seed++) {
      expect(await readCommitted(await bench.powerCut(seed), 'out', 0)).toEqual(['a', 'b'])
    }
  })

  test('a member that is out cannot commit offsets in a transaction (KIP-447)', async () => {
    const bench = await started()
    const { memberId, generation: generationId } = await bench.member('g')
    const producer = await TransactionalProducer.start(bench, 'tx')
    expect(await producer.commitOffset('g', 'in', 1, { memberId, generationId })).toBe('NONE')
    expect(await producer.commitOffset('g', 'in', 1, { memberId, generationId: generationId + 1 })).toBe(
      'ILLEGAL_GENERATION',
    )
    expect(await producer.commitOffset('g', 'in', 1, { memberId: 'who', generationId })).toBe('UNKNOWN_MEMBER_ID')
    // As kafkajs commits: it names no member, and the transactional id alone fences.
    expect(await producer.commitOffset('g', 'in', 2)).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
    expect(await offsetOf(bench, 'g', 'in', true)).toEqual(['NONE', 2])
  })
})

/** Time goes on until the transaction is complete and its partition takes appends. */
async function ended(bench: BrokerBench): Promise<void> {
  for (let i = 0; i < 50; i++) {
    const state = (await described(bench, 'tx'))?.transactionState
    const log = bench.directory.partition('out', 0)
    if (state === 'CompleteCommit' && log?.failure === undefined && log?.lastStable === log?.highWatermark) return
    await bench.clock.advance(1000)
  }
  throw new Error('the transaction does not end')
}

test('a transaction costs one sync beside that of its data', async () => {
  const bench = await started()
  const producer = await TransactionalProducer.start(bench, 'tx')
  const round = async () => {
    expect(await producer.send('out', 0, ['a'])).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
  }
  await round()
  const before = bench.disk.syncs
  for (let i = 0; i < 20; i++) await round()
  expect(bench.disk.syncs - before).toBe(40)
})

test('ids that nobody uses are forgotten', async () => {
  const bench = await started({ 'transactional.id.expiration.ms': 10_000 })
  await TransactionalProducer.start(bench, 'tx')
  expect((await described(bench, 'tx'))?.errorCode).toBe(0)
  await bench.clock.advance(3_700_000)
  expect(errorCodeOf((await described(bench, 'tx'))?.errorCode ?? 0)).toBe('TRANSACTIONAL_ID_NOT_FOUND')
  const again = await bench.restart()
  expect(errorCodeOf((await described(again, 'tx'))?.errorCode ?? 0)).toBe('TRANSACTIONAL_ID_NOT_FOUND')
})

test('transactions and producers are listed and described', async () => {
  const bench = await started()
  const open = await TransactionalProducer.start(bench, 'open-1', 1)
  await open.send('out', 0, ['a'])
  const idle = await TransactionalProducer.start(bench, 'idle-1')
  const list = async (request: object) => {
    const { transactionStates } = await bench.send('listTransactions', request)
    return transactionStates.map(({ transactionalId }) => transactionalId)
  }
  expect(await list({})).toEqual(['open-1', 'idle-1'])
  expect(await list({ stateFilters: ['Ongoing'] })).toEqual(['open-1'])
  expect(await list({ producerIdFilters: [idle.producerId] })).toEqual(['idle-1'])
  expect(await list({ transactionalIdPattern: 'idle-.*' })).toEqual(['idle-1'])
  expect(await list({ stateFilters: ['Ongoing'], durationFilter: 1000 })).toEqual([])
  const bad = await bench.send('listTransactions', { transactionalIdPattern: '(' })
  expect(errorCodeOf(bad.errorCode)).toBe('INVALID_REGULAR_EXPRESSION')
  expect((await bench.send('listTransactions', { stateFilters: ['Odd'] })).unknownStateFilters).toEqual(['Odd'])
  expect(await described(bench, 'open-1')).toMatchObject({
    transactionState: 'Ongoing',
    producerId: open.producerId,
    topics: [{ topic: 'out', partitions: [0] }],
  })
  const { topics } = await bench.send('describeProducers', { topics: [{ name: 'out', partitionIndexes: [0, 5] }] })
  expect(topics[0]?.partitions[0]?.activeProducers).toMatchObject([
    { producerId: open.producerId, producerEpoch: open.epoch, lastSequence: 0, currentTxnStartOffset: 0 },
  ])
  expect(errorCodeOf(topics[0]?.partitions[1]?.errorCode ?? 0)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
})

test('a transaction that hangs is ended by hand', async () => {
  const bench = await started()
  const producer = await TransactionalProducer.start(bench, 'tx', 1)
  await producer.send('out', 0, ['a'])
  const { producerId, epoch: producerEpoch } = producer
  const topics = [{ name: 'out', partitionIndexes: [0] }]
  const marker = { producerId, producerEpoch, transactionResult: false, topics, coordinatorEpoch: 0 }
  const { markers } = await bench.send('writeTxnMarkers', { markers: [marker] }, 1)
  expect(markers[0]?.topics[0]?.partitions[0]?.errorCode).toBe(0)
  expect(await readCommitted(bench, 'out', 0)).toEqual([])
})

test.each([0, 1, 2])('ApiVersions tells that transaction.version is %i', async (level) => {
  const bench = await started({ 'transaction.version': level })
  const answer = await bench.send('apiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  expect(answer.finalizedFeaturesEpoch).toBe(0)
  const told = [{ name: 'transaction.version', maxVersionLevel: level, minVersionLevel: level }]
  expect(answer.finalizedFeatures).toEqual(level === 0 ? [] : told)
  const producer = await TransactionalProducer.start(bench, 'tx', level === 2 ? 2 : 1)
  await producer.send('out', 0, ['a'])
  expect(await producer.end(true)).toBe('NONE')
  const again = await bench.powerCut(3)
  expect(await readCommitted(again, 'out', 0)).toEqual(['a'])
})
