import type { Consumer, GroupMetadata, OffsetAndMetadata, Producer } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf, transports } from './cluster-under-test.ts'

const cases = transports.flatMap((transport) => [2, 1].map((version) => ({ transport, version })))
const orders = { topic: 'orders', partition: 0 }
const settings = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 20 }

const codeOf = (error: unknown) => String((error as { code?: unknown }).code)
const outcome = (promise: Promise<unknown>) => promise.then(() => 'ok', codeOf)

describe.each(cases)('transactions over $transport, version $version', ({ transport, version }) => {
  let cluster: ClusterUnderTest
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport, {
      settings: { ...settings, 'transaction.version': version },
      log: { syncAcksAll: false },
    })
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 2 }])
  })
  afterEach(() => cluster.stop())

  async function writer(transactionalId = 'writer', transactionTimeoutMs = 60_000): Promise<Producer> {
    const producer = cluster.client().producer({ transactionalId, transactionTimeoutMs })
    await producer.initTransactions()
    return producer
  }

  async function write(producer: Producer, how: 'commit' | 'abort' | 'leave open', ...values: string[]): Promise<void> {
    producer.beginTransaction()
    const sent = values.map((value) => producer.send({ ...orders, value }))
    await Promise.all(sent)
    if (how === 'commit') await producer.commitTransaction()
    if (how === 'abort') await producer.abortTransaction()
  }

  function reader(isolation: 'read_committed' | 'read_uncommitted'): Consumer {
    const consumer = cluster.client().consumer({ autoOffsetReset: 'earliest', isolation, fetchWaitMs: 20 })
    consumer.assign([orders])
    return consumer
  }

  /** Everything up to an end, markers included. */
  async function readTo(consumer: Consumer, end: number): Promise<(string | null)[]> {
    const values: (string | null)[] = []
    while ((consumer.position(orders) ?? 0) < end) {
      values.push(...recordsOf(await consumer.poll({ timeoutMs: 200 })).map(({ value }) => value))
    }
    return values
  }

  it('shows readers of committed records what was committed, and all of it to others', async () => {
    const producer = await writer()
    await write(producer, 'commit', 'a', 'b')
    await write(producer, 'abort', 'x')
    await write(producer, 'commit', 'c')
    const committed = reader('read_committed')
    expect(await readTo(committed, 7)).toEqual(['a', 'b', 'c'])
    expect([committed.position(orders), committed.currentLag(orders)]).toEqual([7, 0])
    expect(await readTo(reader('read_uncommitted'), 7)).toEqual(['a', 'b', 'x', 'c'])
  })

  it('ends at what is stable: what lies behind an open transaction comes when that has ended', async () => {
    const open = await writer('open')
    const other = await writer('other')
    await write(other, 'commit', 'before')
    await write(open, 'leave open', 'open')
    await write(other, 'commit', 'behind')
    const committed = reader('read_committed')
    expect(await readTo(committed, 2)).toEqual(['before'])
    expect(await committed.poll({ timeoutMs: 50 })).toEqual([])
    expect([committed.position(orders), committed.currentLag(orders)]).toEqual([2, 0])
    expect((await committed.endOffsets([orders])).get('orders', 0)).toBe(2)
    await open.commitTransaction()
    expect(await readTo(committed, 6)).toEqual(['open', 'behind'])
    expect((await committed.endOffsets([orders])).get('orders', 0)).toBe(6)
  })

  it('moves the position past what it hides also when nothing is returned', async () => {
    const producer = await writer()
    await write(producer, 'abort', 'x', 'y', 'z')
    await write(producer, 'abort', 'x')
    const committed = reader('read_committed')
    expect(await readTo(committed, 6)).toEqual([])
    expect([committed.position(orders), committed.currentLag(orders)]).toEqual([6, 0])
    committed.seek(orders, offset(1)) // in the midst of what is hidden
    expect(await readTo(committed, 6)).toEqual([])
  })

  it('commits positions of a group with the records, or not at all', async () => {
    const producer = await writer()
    const group: GroupMetadata = { groupId: 'g', generation: -1, memberId: '', groupInstanceId: null }
    const at = (next: number) =>
      new TopicPartitionMap<OffsetAndMetadata>().set('orders', 1, {
        offset: offset(next),
        leaderEpoch: -1,
        metadata: `to ${next}`,
      })
    const consumer = cluster.client().consumer({ groupId: 'g' })
    const committed = async () =>
      (await consumer.committed([{ topic: 'orders', partition: 1 }])).get('orders', 1)?.metadata
    for (const [next, how, expected] of [
      [5, 'commit', 'to 5'],
      [9, 'abort', 'to 5'],
      [7, 'commit', 'to 7'],
    ] as const) {
      producer.beginTransaction()
      void producer.send({ ...orders, value: how }).catch(() => undefined)
      await producer.sendOffsets(at(next), group)
      if (how === 'commit') await producer.commitTransaction()
      else await producer.abortTransaction()
      expect(await committed()).toBe(expected)
    }
  })

  it('refuses positions of a member that its group has gone on without', async () => {
    const consumer = cluster.client().consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
    consumer.subscribe(['orders'])
    while (consumer.groupMetadata() === undefined || consumer.assignment().length === 0) {
      await consumer.poll({ timeoutMs: 50 })
    }
    const member = consumer.groupMetadata()!
    const producer = await writer()
    const positions = new TopicPartitionMap<OffsetAndMetadata>().set('orders', 0, {
      offset: offset(0),
      leaderEpoch: -1,
      metadata: '',
    })
    producer.beginTransaction()
    await producer.sendOffsets(positions, member)
    await producer.commitTransaction()
    producer.beginTransaction()
    const stale = { ...member, generation: member.generation - 1 }
    expect(await outcome(producer.sendOffsets(positions, stale))).toBe('ILLEGAL_GENERATION')
    expect(await outcome(producer.commitTransaction())).toBe('TRANSACTION_ABORTABLE')
    await producer.abortTransaction()
    await write(producer, 'commit', 'goes on')
  })

  it('lets one producer write under a transactional id: the newest', async () => {
    const old = await writer()
    await write(old, 'leave open', 'old')
    const young = await writer()
    expect(await outcome(old.send({ ...orders, value: 'zombie' }))).toMatch(/INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/)
    expect(await outcome(old.commitTransaction())).toMatch(/TRANSACTION_ABORTABLE|PRODUCER_FENCED/)
    expect(await outcome(old.abortTransaction())).toBe('PRODUCER_FENCED')
    expect(() => old.beginTransaction()).toThrow(/PRODUCER_FENCED/)
    await write(young, 'commit', 'young')
    expect(await readTo(reader('read_committed'), 4)).toEqual(['young'])
  })

  it('aborts what is open for too long, and lets its readers go on', async () => {
    const slow = await writer('slow', 1000)
    const committed = reader('read_committed')
    await write(slow, 'leave open', 'late')
    await write(await writer('other'), 'commit', 'behind')
    expect(await readTo(committed, 4)).toEqual(['behind'])
    expect(await outcome(slow.commitTransaction())).not.toBe('ok')
  })

  it('reads over many segments and many aborts what was committed, in order', async () => {
    const configs = { 'segment.bytes': '4000' }
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'small', partitions: 1, configs }])
    const producer = await writer()
    const expected: string[] = []
    for (let i = 0; i < 60; i++) {
      producer.beginTransaction()
      for (let j = 0; j < 5; j++) void producer.send({ topic: 'small', value: `${i}.${j}`.padEnd(60) })
      if (i % 3 === 1) {
        await producer.flush()
        await producer.abortTransaction()
      } else {
        for (let j = 0; j < 5; j++) expected.push(`${i}.${j}`.padEnd(60))
        await producer.commitTransaction()
      }
    }
    const consumer = cluster.client().consumer({
      autoOffsetReset: 'earliest',
      isolation: 'read_committed',
      partitionFetchBytesMax: 1_500,
    })
    consumer.assign([{ topic: 'small', partition: 0 }])
    const values: (string | null)[] = []
    while (values.length < expected.length) {
      values.push(...recordsOf(await consumer.poll({ timeoutMs: 200 })).map(({ value }) => value))
    }
    expect(values).toEqual(expected)
  })
})
