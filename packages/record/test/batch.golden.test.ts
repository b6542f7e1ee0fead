import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { offset } from '@millrace/kernel'
import { crc32c } from '@node-rs/crc32'
import { expect, test } from 'vitest'
import {
  BatchBuilder,
  baseOffset,
  baseSequence,
  baseTimestamp,
  buildMarker,
  type CodecName,
  checkRecords,
  codecId,
  codecOf,
  encodeHeaders,
  isControl,
  isTransactional,
  lastOffset,
  leaderEpoch,
  maxTimestamp,
  openBatch,
  producerEpoch,
  producerId,
  readControl,
  stampBaseOffset,
  stampLeaderEpoch,
  stampLogAppendTime,
  timestampTypeOf,
  utf8Out,
} from '../src/internal.ts'
import { walk } from './plain-records.ts'

const require = createRequire(import.meta.url)
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const kafkajsRecord = require('kafkajs/src/protocol/recordBatch/record/v0')
const kafkajsDecode = require('kafkajs/src/protocol/recordBatch/v0/decoder')
const KafkajsDecoder = require('kafkajs/src/protocol/decoder')
const kafkajsCompression = require('kafkajs/src/protocol/message/compression')
const Long = require('kafkajs/src/utils/long')
kafkajsCompression.Codecs[kafkajsCompression.Types.Snappy] = require('kafkajs-snappy')

const place = { source: 'golden', position: 0 }

/** Written out by hand from docs/implementation/message-format.md, without its checksum. */
const byHand = Buffer.from(
  [
    '0000000000000005', // baseOffset 5
    '00000048', // length 72
    '00000002', // partitionLeaderEpoch 2
    '02', // magic
    '00000000', // crc, filled in below
    '0000', // attributes
    '00000001', // lastOffsetDelta 1
    '0000018bcfe56800', // baseTimestamp 1700000000000
    '0000018bcfe56be8', // maxTimestamp 1700000001000
    'ffffffffffffffff', // producerId -1
    'ffff', // producerEpoch -1
    'ffffffff', // baseSequence -1
    '00000002', // two records
    '12 00 00 00 02 6b 04 7631 00', // 9 bytes: attributes, +0 ms, +0, "k", "v1", no headers
    '18 00 d00f 02 01 01 02 04 6831 02 78', // 12 bytes: attributes, +1000 ms, +1, null, null, one header: "h1" = "x"
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
)

test('bytes written by hand', () => {
  const bytes = Buffer.from(byHand)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  const batch = openBatch(bytes, 0, bytes.length, place)
  expect(walk(batch)).toEqual([
    { offset: 5, timestampMs: 1_700_000_000_000, key: '6b', value: '7631', headers: [] },
    { offset: 6, timestampMs: 1_700_000_001_000, key: null, value: null, headers: [{ key: '6831', value: '78' }] },
  ])
  const builder = new BatchBuilder()
  builder.append(1_700_000_000_000, 'k', utf8Out, 'v1', utf8Out, null)
  builder.append(1_700_000_001_000, null, utf8Out, null, utf8Out, encodeHeaders([{ key: 'h1', value: 'x' }]))
  expect(builder.build({ baseOffset: 5, leaderEpoch: 2 }).equals(bytes)).toBe(true)
})

const times = [1_700_000_000_000, 1_700_000_000_250, 1_699_999_999_000]
const rows = times.map((timestampMs, i) => ({
  timestampMs,
  key: `key-${i}`,
  value: 'x'.repeat(i * 70),
  h: `header ${i}`,
}))

async function byKafkajs(codec: CodecName): Promise<Buffer> {
  const encoded = await RecordBatch({
    compression: codecId[codec],
    firstOffset: Long.fromInt(1000),
    firstTimestamp: times[0],
    maxTimestamp: times[1],
    partitionLeaderEpoch: 3,
    lastOffsetDelta: rows.length - 1,
    producerId: Long.fromValue(77),
    producerEpoch: 4,
    firstSequence: 9,
    transactional: true,
    records: rows.map(({ timestampMs, key, value, h }, offsetDelta) =>
      kafkajsRecord({
        offsetDelta,
        timestampDelta: timestampMs - times[0]!,
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: { h: Buffer.from(h) },
      }),
    ),
  })
  return encoded.buffer
}

function byUs(codec: CodecName): Buffer {
  const builder = new BatchBuilder({ codec })
  for (const { timestampMs, key, value, h } of rows) {
    builder.append(timestampMs, key, utf8Out, value, utf8Out, encodeHeaders([{ key: 'h', value: h }]))
  }
  return builder.build({
    baseOffset: 1000,
    leaderEpoch: 3,
    producerId: 77,
    producerEpoch: 4,
    baseSequence: 9,
    transactional: true,
  })
}

const expected = rows.map(({ timestampMs, key, value, h }, i) => ({
  offset: 1000 + i,
  timestampMs,
  key: Buffer.from(key).toString('hex'),
  value: Buffer.from(value).toString('hex'),
  headers: [{ key: '68', value: Buffer.from(h).toString('hex') }],
}))

test('uncompressed, kafkajs and we write the same bytes', async () => {
  expect(byUs('none').toString('hex')).toBe((await byKafkajs('none')).toString('hex'))
})

test.each<CodecName>(['none', 'gzip', 'snappy'])('we read what kafkajs writes: %s', async (codec) => {
  const bytes = await byKafkajs(codec)
  const batch = openBatch(bytes, 0, bytes.length, place)
  expect(codecOf(batch)).toBe(codec)
  expect(walk(batch)).toEqual(expected)
})

test.each<CodecName>(['none', 'gzip', 'snappy'])('kafkajs reads what we write: %s', async (codec) => {
  const decoded = await kafkajsDecode(new KafkajsDecoder(byUs(codec)))
  expect(decoded).toMatchObject({
    firstOffset: '1000',
    partitionLeaderEpoch: 3,
    producerId: '77',
    producerEpoch: 4,
    firstSequence: 9,
    inTransaction: true,
    isControlBatch: false,
  })
  const found = decoded.records.map((record: Record<string, unknown>) => ({
    offset: record['offset'],
    timestamp: record['timestamp'],
    key: String(record['key']),
    value: String(record['value']),
  }))
  expect(found).toEqual(
    rows.map(({ timestampMs, key, value }, i) => ({
      offset: String(1000 + i),
      timestamp: String(timestampMs),
      key,
      value,
    })),
  )
})

/** Written by Apache Kafka itself; test/golden/README.md says how. */
function byJava(name: string) {
  const bytes = readFileSync(new URL(`./golden/${name}.batch`, import.meta.url))
  return openBatch(bytes, 0, bytes.length, place)
}

const letters = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((Math.imul(i, i) >> 4) % 26))).join(
  '',
)
const javaRows = [
  { timestampMs: 1_700_000_000_000, key: 'k', value: 'v1' },
  { timestampMs: 1_700_000_001_000, key: null, value: 'ä€😀' },
  { timestampMs: 1_699_999_999_000, key: 'tombstone', value: null },
  { timestampMs: 1_700_000_002_000, key: 'long', value: letters },
  { timestampMs: 1_700_000_002_000, key: '', value: '' },
]
const javaHeaders = [
  { key: 'h1', value: 'x' },
  { key: 'h2', value: null },
]

test.each<CodecName>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('we read what Java writes: %s', (codec) => {
  const batch = byJava(codec)
  expect(codecOf(batch)).toBe(codec)
  expect([baseOffset(batch), lastOffset(batch), leaderEpoch(batch)]).toEqual([42, 46, 9])
  expect([producerId(batch), producerEpoch(batch), baseSequence(batch)]).toEqual([7001, 3, 17])
  expect([baseTimestamp(batch), maxTimestamp(batch)]).toEqual([1_700_000_000_000, 1_700_000_002_000])
  expect(checkRecords(batch)).toMatchObject({ maxTimestampMs: 1_700_000_002_000, maxTimestampOffset: 45 })
  const asHex = (text: string | null) => (text === null ? null : Buffer.from(text).toString('hex'))
  expect(walk(batch)).toEqual(
    javaRows.map(({ timestampMs, key, value }, i) => ({
      offset: 42 + i,
      timestampMs,
      key: asHex(key),
      value: asHex(value),
      headers: i === 1 ? javaHeaders.map((header) => ({ key: asHex(header.key), value: asHex(header.value) })) : [],
    })),
  )
})

test('uncompressed, Java and we write the same bytes', () => {
  const builder = new BatchBuilder()
  for (const [i, { timestampMs, key, value }] of javaRows.entries()) {
    builder.append(timestampMs, key, utf8Out, value, utf8Out, i === 1 ? encodeHeaders(javaHeaders) : null)
  }
  const batch = builder.build({ baseOffset: 42, leaderEpoch: 9, producerId: 7001, producerEpoch: 3, baseSequence: 17 })
  expect(batch.equals(byJava('none'))).toBe(true)
})

test('LogAppendTime: every record has the time of the batch, stamped as Java stamps it', () => {
  const batch = byJava('append-time')
  expect([timestampTypeOf(batch), isTransactional(batch)]).toEqual(['LogAppendTime', true])
  expect(walk(batch).map((record) => record.timestampMs)).toEqual([1_700_000_009_000])

  const builder = new BatchBuilder()
  builder.append(1_700_000_000_000, 'k', utf8Out, 'v', utf8Out, null)
  const ours = builder.build({ producerId: 7001, producerEpoch: 3, baseSequence: 22, transactional: true })
  stampBaseOffset(ours, offset(100))
  stampLeaderEpoch(ours, 9)
  stampLogAppendTime(ours, 1_700_000_009_000)
  expect(walk(ours)).toEqual(walk(batch))
  expect(openBatch(ours, 0, ours.length, place).equals(ours)).toBe(true)
})

test.each([
  { type: 'commit', at: 101, timestampMs: 1_700_000_010_000 },
  { type: 'abort', at: 102, timestampMs: 1_700_000_011_000 },
] as const)('a marker: $type', ({ type, at, timestampMs }) => {
  const batch = byJava(type)
  expect([isControl(batch), isTransactional(batch)]).toEqual([true, true])
  expect(readControl(batch)).toEqual({ type, coordinatorEpoch: 12 })
  const ours = buildMarker({ type, coordinatorEpoch: 12 }, { timestampMs, producerId: 7001, producerEpoch: 3 })
  stampBaseOffset(ours, offset(at))
  stampLeaderEpoch(ours, 9)
  expect(ours.equals(batch)).toBe(true)
})
