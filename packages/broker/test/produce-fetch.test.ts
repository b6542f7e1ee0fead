import { Buffer } from 'node:buffer'
import { errorCodeOf } from '@millrace/kernel'
import { describe, expect, test } from 'vitest'
import { BrokerBench, batchOf, recordsOf, valuesOf } from './broker-bench.ts'

const codeName = (answer: { readonly errorCode: number }) => errorCodeOf(answer.errorCode)

describe('damage that comes while the broker runs', () => {
  test('is told as KAFKA_STORAGE_ERROR of its partition and counted; everything else goes on', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 2)
    for (const index of [0, 1]) await bench.produce('t', batchOf(['a']), { index })
    const file = bench.disk.open('/data/t-0/00000000000000000000.log', 'write')
    file.write(Buffer.from('!'), 0, 1, 66)
    file.close()
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }))
    const { responses } = await bench.fetch('t', 0, { topics: [{ topic: 't', partitions }] })
    expect(responses[0]?.partitions.map(codeName)).toEqual(['KAFKA_STORAGE_ERROR', 'NONE'])
    expect(valuesOf(responses[0]?.partitions[1]?.records)).toEqual(['a'])
    const asked = { partitionIndex: 0, timestamp: 0 }
    const times = await bench.send('listOffsets', { topics: [{ name: 't', partitions: [asked] }] })
    expect(codeName(times.topics[0]!.partitions[0]!)).toBe('KAFKA_STORAGE_ERROR')
    expect(bench.metrics.snapshot().get('millrace_broker_failed_reads_total')).toBe(2)
    expect((await bench.produce('t', batchOf(['b']))).baseOffset).toBe(1)
  })
})

describe('produce', () => {
  test('what was produced is fetched, at the offsets that were answered', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    expect(await bench.produce('t', batchOf(['a', 'b']))).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await bench.produce('t', batchOf(['c'], { codec: 'gzip' }))).toMatchObject({
      baseOffset: 2,
      logStartOffset: 0,
    })
    const fetched = recordsOf(await bench.fetch('t', 0))
    expect(valuesOf(fetched.records)).toEqual(['a', 'b', 'c'])
    expect(fetched).toMatchObject({ highWatermark: 3, lastStableOffset: 3 })
  })

  test('acks=all is on disk when it is answered, acks=1 need not be', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('all')
    await bench.createTopic('one')
    const log = (topic: string) => bench.directory.partition(topic, 0)
    await bench.produce('one', batchOf(['a']), { acks: 1 })
    expect(log('one')?.syncedTo).toBe(0)
    await bench.produce('all', batchOf(['a']))
    expect(log('all')?.syncedTo).toBe(1)
    for (let seed = 0; seed < 20; seed++) {
      const after = await bench.powerCut(seed)
      expect(valuesOf(recordsOf(await after.fetch('all', 0)).records)).toEqual(['a'])
    }
  })

  test('a failed sync is no acknowledgement', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    bench.disk.faults.failSync = () => true
    expect(codeName(await bench.produce('t', batchOf(['a'])))).toBe('KAFKA_STORAGE_ERROR')
  })

  test('a duplicate of an idempotent producer is answered with its first offset', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const identity = { producerId: 5, producerEpoch: 0, baseSequence: 0 }
    await bench.produce('t', batchOf(['before']))
    expect((await bench.produce('t', batchOf(['a'], identity))).baseOffset).toBe(1)
    expect(await bench.produce('t', batchOf(['a'], identity))).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect(codeName(await bench.produce('t', batchOf(['c'], { ...identity, baseSequence: 7 })))).toBe(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
    )
    expect(valuesOf(recordsOf(await bench.fetch('t', 0)).records)).toEqual(['before', 'a'])
  })

  test('one partition that is refused leaves the others alone', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 2)
    const { responses } = await bench.send('produce', {
      acks: -1,
      topicData: [
        {
          name: 't',
          partitionData: [
            { index: 9, records: batchOf(['x']) },
            { index: 1, records: batchOf(['y']) },
          ],
        },
        { name: 'none', partitionData: [{ index: 0, records: batchOf(['x']) }] },
      ],
    })
    expect(responses.map(({ partitionResponses }) => partitionResponses.map(codeName))).toEqual([
      ['UNKNOWN_TOPIC_OR_PARTITION', 'NONE'],
      ['UNKNOWN_TOPIC_OR_PARTITION'],
    ])
  })

  test.each([
    ['damaged bytes', () => flipped(batchOf(['a'])), 'CORRUPT_MESSAGE'],
    ['two batches', () => Buffer.concat([batchOf(['a']), batchOf(['b'])]), 'INVALID_RECORD'],
    ['no batch', () => Buffer.alloc(0), 'INVALID_RECORD'],
    ['a control batch', () => batchOf(['a'], { control: true }), 'INVALID_RECORD'],
    [
      'a transactional batch',
      () => batchOf(['a'], { transactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
      'INVALID_TXN_STATE',
    ],
  ] as const)('%s', async (_, bytes, code) => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    expect(codeName(await bench.produce('t', bytes()))).toBe(code)
    expect(bench.directory.partition('t', 0)?.highWatermark).toBe(0)
  })

  test('a null key on a compacted topic, a large batch, unknown acks, zstd too early, our own topic', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    await bench.createTopic('small', 1, { 'max.message.bytes': '100' })
    expect(codeName(await bench.produce('compacted', batchOf(['a'])))).toBe('INVALID_RECORD')
    expect(codeName(await bench.produce('compacted', batchOf(['a'], { key: 'k' })))).toBe('NONE')
    expect(codeName(await bench.produce('small', batchOf(['a'.repeat(200)])))).toBe('MESSAGE_TOO_LARGE')
    expect(codeName(await bench.produce('small', batchOf(['a']), { acks: 2 }))).toBe('INVALID_REQUIRED_ACKS')
    expect(codeName(await bench.produce('small', batchOf(['a'], { codec: 'zstd' }), { version: 6 }))).toBe(
      'UNSUPPORTED_COMPRESSION_TYPE',
    )
    await bench.commit('g', 'small', 0)
    expect(codeName(await bench.produce('__consumer_offsets', batchOf(['a'])))).toBe('INVALID_TOPIC_EXCEPTION')
  })
})

describe('fetch', () => {
  test('waits for data, and wakes when it comes', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const idle = bench.clock.pendingTimers
    const polled = bench.fetch('t', 0, { maxWaitMs: 60_000 })
    await bench.produce('t', batchOf(['a']))
    expect(valuesOf(recordsOf(await polled).records)).toEqual(['a'])
    expect(bench.clock.pendingTimers).toBe(idle)
  })

  test('waits for minBytes, and no longer than maxWaitMs', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    let answered = false
    const polled = bench.fetch('t', 0, { maxWaitMs: 500, minBytes: 10_000 }).then((answer) => {
      answered = true
      return answer
    })
    await bench.produce('t', batchOf(['a']))
    await bench.clock.advance(499)
    expect(answered).toBe(false)
    await bench.clock.advance(1)
    expect(valuesOf(recordsOf(await polled).records)).toEqual(['a'])
  })

  test('reads into the memory it is lent, and uses it again while it waits', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const free: Buffer[] = []
    let taken: Buffer[] = []
    let made = 0
    const memory = {
      room: () => undefined,
      take(bytes: number) {
        const buffer = free.pop() ?? Buffer.alloc(4096)
        if (free.length === 0) made++
        taken.push(buffer)
        return buffer.subarray(0, bytes)
      },
      reuse() {
        for (const buffer of taken) free.push(buffer.fill(0))
        taken = []
      },
      lender: { lend: Buffer.alloc, takeBack: () => {} },
      include: () => {},
      whenSent: () => {},
    }
    const polled = bench.fetch('t', 0, { maxWaitMs: 500, minBytes: 10_000 }, 0, memory)
    for (const value of ['a', 'b', 'c', 'd']) {
      await bench.produce('t', batchOf([value]))
      await bench.clock.turn()
    }
    await bench.clock.advance(500)
    const { records } = recordsOf(await polled)
    expect(valuesOf(records)).toEqual(['a', 'b', 'c', 'd'])
    expect(made).toBeGreaterThan(3) // it looked after each
    expect(new Set([...free, ...taken].map(({ buffer }) => buffer)).size).toBe(1)
    expect(records?.buffer).toBe(taken[0]?.buffer)
  })

  test('many polls of one connection wake together, and nobody takes them for a leak', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error) => warnings.push(warning)
    process.on('warning', warn)
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const polls = Array.from({ length: 50 }, () => bench.fetch('t', 0, { maxWaitMs: 60_000 }))
    await bench.produce('t', batchOf(['a']))
    for (const poll of await Promise.all(polls)) expect(valuesOf(recordsOf(poll).records)).toEqual(['a'])
    await bench.clock.turn()
    process.removeListener('warning', warn)
    expect(warnings).toEqual([])
  })

  test('a poll ends when its connection is gone', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const idle = bench.clock.pendingTimers
    const polled = bench.fetch('t', 0, { maxWaitMs: 60_000 })
    bench.disconnect()
    expect(recordsOf(await polled).records).toHaveLength(0)
    expect(bench.clock.pendingTimers).toBe(idle)
  })

  test('one batch at least, and not more than was asked for', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 2)
    const big = 'x'.repeat(1000)
    for (const index of [0, 1]) {
      for (let i = 0; i < 3; i++) await bench.produce('t', batchOf([big]), { index })
    }
    const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 100 }))
    const tiny = await bench.fetch('t', 0, { maxBytes: 10, topics: [{ topic: 't', partitions }] })
    expect(tiny.responses[0]?.partitions.map(({ records }) => valuesOf(records).length)).toEqual([1, 0])
    const two = await bench.fetch('t', 0, { maxBytes: 2500 })
    expect(valuesOf(recordsOf(two).records)).toHaveLength(2)
  })

  test('positions and epochs that are not ours', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.produce('t', batchOf(['a']))
    const at = async (fetchOffset: number, currentLeaderEpoch = -1) => {
      const partitions = [{ partition: 0, fetchOffset, currentLeaderEpoch, partitionMaxBytes: 100 }]
      return codeName(recordsOf(await bench.fetch('t', 0, { topics: [{ topic: 't', partitions }] })))
    }
    const epoch = bench.directory.partition('t', 0)?.leaderEpoch ?? 0
    expect(await at(0, epoch)).toBe('NONE')
    expect(await at(1)).toBe('NONE')
    expect(await at(2)).toBe('OFFSET_OUT_OF_RANGE')
    expect(await at(-1)).toBe('OFFSET_OUT_OF_RANGE')
    expect(await at(0, epoch + 1)).toBe('UNKNOWN_LEADER_EPOCH')
    expect(codeName(recordsOf(await bench.fetch('none', 0)))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    const after = await bench.powerCut(1)
    const partitions = [{ partition: 0, fetchOffset: 0, currentLeaderEpoch: epoch, partitionMaxBytes: 100 }]
    expect(codeName(recordsOf(await after.fetch('t', 0, { topics: [{ topic: 't', partitions }] })))).toBe(
      'FENCED_LEADER_EPOCH',
    )
  })

  test('by topic id; an id of a topic that was made anew is unknown', async () => {
    const bench = await BrokerBench.start()
    const topicId = await bench.createTopic('t')
    await bench.produce('t', batchOf(['a']))
    const byId = () => {
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
      return bench.send('fetch', { topics: [{ topicId, partitions }] }, 17)
    }
    expect(valuesOf(recordsOf(await byId()).records)).toEqual(['a'])
    await bench.send('deleteTopics', { topics: [{ name: 't' }] })
    await bench.createTopic('t')
    expect(codeName(recordsOf(await byId()))).toBe('UNKNOWN_TOPIC_ID')
  })
})

test('offsets by place and by time', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t')
  await bench.produce('t', batchOf(['a'], { atMs: 1000 }))
  await bench.produce('t', batchOf(['b'], { atMs: 3000 }))
  await bench.produce('t', batchOf(['c'], { atMs: 2000 }))
  const at = async (timestamp: number) => {
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp }] }]
    const answer = (await bench.send('listOffsets', { topics })).topics[0]?.partitions[0]
    return [answer?.offset, answer?.timestamp]
  }
  expect(await at(-1)).toEqual([3, -1])
  expect(await at(-2)).toEqual([0, -1])
  expect(await at(-3)).toEqual([1, 3000])
  expect(await at(1001)).toEqual([1, 3000])
  expect(await at(3001)).toEqual([-1, -1])
})

test('ids of producers differ across restarts and crashes', async () => {
  const ids = new Set<number>()
  let bench = await BrokerBench.start()
  for (let run = 0; run < 6; run++) {
    for (let i = 0; i < 3; i++) {
      const answer = await bench.send('initProducerId', { transactionalId: null, transactionTimeoutMs: 0 })
      expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      ids.add(answer.producerId)
    }
    bench = run % 2 === 0 ? await bench.restart() : await bench.powerCut(run)
  }
  expect(ids.size).toBe(18)
})

function flipped(batch: Buffer): Buffer {
  const bytes = Buffer.from(batch)
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
  return bytes
}
