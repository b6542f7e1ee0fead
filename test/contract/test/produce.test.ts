import { Buffer } from 'node:buffer'
import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { batchField, type CodecName } from '@millrace/record/internal'
import { altered, type BuiltRecord, batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

function produceOf(topic: string, records: Buffer | null, { acks = -1, index = 0 } = {}) {
  const topicData = [{ name: topic, partitionData: [{ index, records }] }]
  return { acks, timeoutMs: 5000, topicData } satisfies Partially<RequestOf<'produce'>>
}

function two(session: Session, deltaMs = 0): BuiltRecord[] {
  return [
    { key: 'a', value: 'one', timestampMs: session.time(deltaMs) },
    { key: 'b', value: 'two', timestampMs: session.time(deltaMs + 1), headers: [['trace', 'x']] },
  ]
}

/** Everything in a partition, as a consumer sees it. */
async function contents(session: Session, topic: string, step = 'what is in the log then'): Promise<void> {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }]
  await session.ask(step, 'fetch', 11, {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic, partitions }],
  })
}

async function producerId(session: Session): Promise<{ producerId: number; producerEpoch: number }> {
  const answer = await session.ask('', 'initProducerId', 4, { transactionalId: null }, { quiet: true })
  if (answer === 'closed') throw new Error('closed')
  return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

/** Flips bits after the checksum was made. */
function broken(batch: Buffer, at: number): Buffer {
  const copy = Buffer.from(batch)
  copy.writeUInt8(copy.readUInt8(at) ^ 0xff, at)
  return copy
}

contract('produce', {
  'every version, acks all': async (session) => {
    const topic = await session.topic('orders')
    const topicId = await session.topicId(topic)
    await session.everyVersion('two records', 'produce', (version) => {
      const request = produceOf(topic, batchOf(two(session)))
      return version < 13 ? request : { ...request, topicData: [{ ...request.topicData[0], name: '', topicId }] }
    })
  },

  'acks 1 and 0, and a number that is none': async (session) => {
    const topic = await session.topic('orders')
    await session.ask('acks 1', 'produce', 9, produceOf(topic, batchOf(two(session)), { acks: 1 }))
    const connection = await session.connection()
    connection.write(connection.encoded('produce', 9, produceOf(topic, batchOf(two(session)), { acks: 0 })))
    await session.ask('acks 2', 'produce', 9, produceOf(topic, batchOf(two(session)), { acks: 2 }), {
      over: connection,
    })
    await contents(session, topic)
  },

  'topics and partitions that are not there': async (session) => {
    const topic = await session.topic('orders')
    await session.ask('partition 7', 'produce', 9, produceOf(topic, batchOf(two(session)), { index: 7 }))
    await session.ask('partition -1', 'produce', 9, produceOf(topic, batchOf(two(session)), { index: -1 }))
    await session.ask('no such topic', 'produce', 9, produceOf(session.name('nothing'), batchOf(two(session))))
    await session.ask('bad name', 'produce', 9, produceOf('a/b', batchOf(two(session))))
    const known = produceOf(topic, batchOf(two(session))).topicData
    const mixed = [...known, ...produceOf(session.name('neither'), batchOf(two(session))).topicData]
    await session.ask('one good and one not', 'produce', 9, { acks: -1, timeoutMs: 5000, topicData: mixed })
  },

  'every codec, and records that decompress to nothing good': async (session) => {
    const topic = await session.topic('orders')
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] satisfies CodecName[]) {
      await session.ask(codec, 'produce', 9, produceOf(topic, batchOf(two(session), { codec })))
    }
    await session.ask(
      'zstd before it was known',
      'produce',
      6,
      produceOf(topic, batchOf(two(session), { codec: 'zstd' })),
    )
    const garbled = altered(batchOf(two(session), { codec: 'gzip' }), (copy) => copy.fill(0x55, 70))
    await session.ask('gzip of garbage', 'produce', 9, produceOf(topic, garbled))
    const unknown = altered(batchOf(two(session)), (copy) => copy.writeInt16BE(6, batchField.attributes))
    await session.ask('codec 6', 'produce', 9, produceOf(topic, unknown))
    await contents(session, topic)
  },

  'a topic with a codec of its own': async (session) => {
    const topic = await session.topic('orders', { configs: { 'compression.type': 'gzip' } })
    await session.ask('none', 'produce', 9, produceOf(topic, batchOf(two(session))))
    await session.ask('lz4', 'produce', 9, produceOf(topic, batchOf(two(session), { codec: 'lz4' })))
    await session.ask('gzip', 'produce', 9, produceOf(topic, batchOf(two(session), { codec: 'gzip' })))
    await contents(session, topic)
  },

  'batches that no producer would make': async (session) => {
    const topic = await session.topic('orders')
    const good = batchOf(two(session))
    const ask = (step: string, records: Buffer) => session.ask(step, 'produce', 9, produceOf(topic, records))
    // Records that are null are not asked for: Apache Kafka never answers them.
    await ask('no bytes', Buffer.alloc(0))
    await ask('half a batch', good.subarray(0, good.length - 5))
    await ask('less than a header', good.subarray(0, 20))
    await ask('two batches', Buffer.concat([good, good]))
    await ask('a wrong checksum', broken(good, good.length - 1))
    await ask('magic 1', broken(good, batchField.magic))
    await ask(
      'a record count above the offsets',
      altered(good, (copy) => copy.writeInt32BE(3, batchField.recordCount)),
    )
    await ask(
      'a last offset above the count',
      altered(good, (copy) => copy.writeInt32BE(4, batchField.lastOffsetDelta)),
    )
    await ask('a control batch', batchOf(two(session), { control: true }))
    await ask(
      'a record that says it is longer',
      altered(good, (copy) => copy.writeUInt8(0x7e, 61)),
    )
    await contents(session, topic)
  },

  'a batch that counts from elsewhere': async (session) => {
    const topic = await session.topic('orders')
    const elsewhere = altered(batchOf(two(session)), (copy) => copy.writeInt32BE(77, 4))
    await session.ask('from 77', 'produce', 9, produceOf(topic, elsewhere))
  },

  'append time claimed by a producer': async (session) => {
    const topic = await session.topic('orders')
    const claimed = altered(batchOf(two(session)), (copy) => copy.writeInt16BE(8, batchField.attributes))
    await session.ask('in attributes', 'produce', 9, produceOf(topic, claimed))
  },

  'a batch above max.message.bytes': async (session) => {
    const topic = await session.topic('orders', { configs: { 'max.message.bytes': '200' } })
    const large = [{ value: 'x'.repeat(300), timestampMs: session.time() }]
    await session.ask('too large', 'produce', 9, produceOf(topic, batchOf(large)))
    await session.ask('small when compressed', 'produce', 9, produceOf(topic, batchOf(large, { codec: 'gzip' })))
    await session.ask('small', 'produce', 9, produceOf(topic, batchOf(two(session))))
  },

  'records without a key where there must be one': async (session) => {
    const topic = await session.topic('table', { configs: { 'cleanup.policy': 'compact' } })
    const records = [
      { key: 'a', value: '1', timestampMs: session.time() },
      { value: '2', timestampMs: session.time(1) },
      { value: '3', timestampMs: session.time(2) },
    ]
    await session.everyVersion('the second and third lack it', 'produce', produceOf(topic, batchOf(records)), {
      max: 12,
    })
    await session.ask('compressed', 'produce', 9, produceOf(topic, batchOf(records, { codec: 'gzip' })))
    await contents(session, topic)
  },

  'timestamps out of bounds': async (session) => {
    const configs = { 'message.timestamp.before.max.ms': '60000', 'message.timestamp.after.max.ms': '60000' }
    const topic = await session.topic('orders', { configs })
    const at = (deltaMs: number): BuiltRecord => ({ value: 'x', timestampMs: session.time(deltaMs) })
    await session.ask('an old one', 'produce', 9, produceOf(topic, batchOf([at(0), at(-120_000)])))
    await session.ask('a future one', 'produce', 9, produceOf(topic, batchOf([at(600_000), at(0)])))
    await session.ask('within', 'produce', 9, produceOf(topic, batchOf([at(0), at(1)])))
    const usual = await session.topic('usual')
    await session.ask('two hours ahead', 'produce', 9, produceOf(usual, batchOf([at(7_200_000)])))
    await session.ask('ten years ago', 'produce', 9, produceOf(usual, batchOf([at(-315_360_000_000)])))
  },

  'append time': async (session) => {
    const topic = await session.topic('orders', { configs: { 'message.timestamp.type': 'LogAppendTime' } })
    await session.everyVersion('two records', 'produce', produceOf(topic, batchOf(two(session, -100_000))), { max: 12 })
    await session.ask('compressed', 'produce', 9, produceOf(topic, batchOf(two(session), { codec: 'lz4' })))
    await contents(session, topic)
  },

  'an idempotent producer': async (session) => {
    const topic = await session.topic('orders')
    const identity = await producerId(session)
    const ask = (step: string, baseSequence: number, more: object = {}) => {
      const batch = batchOf(two(session), { ...identity, baseSequence, ...more })
      return session.ask(step, 'produce', 9, produceOf(topic, batch))
    }
    for (const sequence of [0, 2, 4, 6, 8, 10]) await ask(`sequence ${sequence}`, sequence)
    await ask('the last again', 10)
    await ask('the fifth last again', 2)
    await ask('the sixth last again', 0)
    await ask('a gap', 20)
    await ask('half of the last', 11)
    await ask('an epoch ahead, not from 0', 12, { producerEpoch: 1 })
    await ask('an epoch ahead, from 0', 0, { producerEpoch: 1 })
    await ask('the old epoch', 12)
    await ask('on in the new epoch', 2, { producerEpoch: 1 })
    await ask('no sequence', -1, { producerEpoch: 1 })
    await contents(session, topic)
  },

  'a producer the partition has not seen': async (session) => {
    const topic = await session.topic('orders')
    const identity = await producerId(session)
    const from = (baseSequence: number) => produceOf(topic, batchOf(two(session), { ...identity, baseSequence }))
    await session.ask('begins at 5', 'produce', 9, from(5))
    await session.ask('goes on at 7', 'produce', 9, from(7))
    await session.ask('goes on at 9', 'produce', 9, from(9))
    const wrapping = await session.topic('wrapping')
    const wrap = (baseSequence: number) => produceOf(wrapping, batchOf(two(session), { ...identity, baseSequence }))
    await session.ask('at the end of the numbers', 'produce', 9, wrap(0x7fff_fffe))
    await session.ask('from 0 again', 'produce', 9, wrap(0))
    await session.ask('the first again', 'produce', 9, wrap(0x7fff_fffe))
  },

  'producer ids': async (session) => {
    await session.everyVersion('for an idempotent producer', 'initProducerId', { transactionalId: null })
    await session.ask('with a stale id', 'initProducerId', 4, {
      transactionalId: null,
      producerId: 4_000_000,
      producerEpoch: 3,
    })
  },
})
