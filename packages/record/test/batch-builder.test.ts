import { Buffer } from 'node:buffer'
import type { ByteWritable } from '@millrace/kernel'
import { crc32c } from '@node-rs/crc32'
import { expect, test } from 'vitest'
import {
  BatchBuilder,
  BatchCursor,
  ByteSlice,
  byteSlice,
  checkRecords,
  codecId,
  openBatch,
  recordCount,
  stampProducer,
  utf8Out,
} from '../src/internal.ts'
import { walk } from './plain-records.ts'

const place = { source: 'test', position: 0 }

function resealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

const failing: ByteWritable<string> = {
  write(value, into) {
    into.utf8(value.repeat(1000))
    throw new Error('this serde gives up half-way')
  },
}

test('a serde that throws leaves the builder as it was', () => {
  const clean = new BatchBuilder({ capacityBytes: 100 })
  const tried = new BatchBuilder({ capacityBytes: 100 })
  const fail = () => {
    const size = tried.sizeBytes
    expect(() => tried.append(1, 'key', failing, null, utf8Out, null)).toThrow('gives up')
    expect(() => tried.append(1e15, 'key', utf8Out, 'v', failing, null)).toThrow('gives up')
    expect(() => tried.append(0.5, 'key', utf8Out, 'v', utf8Out, null)).toThrow('whole number of milliseconds')
    expect(tried.sizeBytes).toBe(size)
  }
  fail()
  for (let i = 0; i < 5; i++) {
    for (const builder of [clean, tried])
      builder.append(1000 + i, `key ${i}`, utf8Out, 'v'.repeat(i * 40), utf8Out, null)
    fail()
  }
  expect(tried.count).toBe(5)
  expect(tried.build().equals(clean.build())).toBe(true)
})

test('batches handed over are not touched again', () => {
  for (const codec of Object.keys(codecId) as (keyof typeof codecId)[]) {
    const builder = new BatchBuilder({ codec, capacityBytes: 512 })
    const batches = Array.from({ length: 20 }, (_, i) => {
      for (let j = 0; j <= i; j++) builder.append(i, `batch ${i}`, utf8Out, 'x'.repeat(j * 10), utf8Out, null)
      expect(builder.count).toBe(i + 1)
      const batch = builder.build()
      expect(builder.count).toBe(0)
      return batch
    })
    for (const [i, batch] of batches.entries()) {
      expect(recordCount(openBatch(batch, 0, batch.length, place))).toBe(i + 1)
      expect(new Set(walk(batch).map((record) => record.key))).toEqual(
        new Set([Buffer.from(`batch ${i}`).toString('hex')]),
      )
    }
  }
})

test('reset drops what was appended', () => {
  const builder = new BatchBuilder()
  builder.append(5, 'gone', utf8Out, 'gone', utf8Out, null)
  builder.reset()
  expect([builder.count, builder.sizeBytes]).toEqual([0, 61])
  builder.append(7, 'k', utf8Out, 'v', utf8Out, null)
  expect(walk(builder.build())).toEqual([{ offset: 0, timestampMs: 7, key: '6b', value: '76', headers: [] }])
  expect(() => builder.build()).toThrow('a batch has a record')
})

test('a record is copied on, headers and all, without being decoded', () => {
  const source = new BatchBuilder()
  for (let i = 0; i < 100; i++) source.append(i, `k${i}`, utf8Out, i % 3 === 0 ? null : 'v'.repeat(i), utf8Out, null)
  const batch = source.build()
  const key = new ByteSlice()
  const value = new ByteSlice()
  const copy = new BatchBuilder({ capacityBytes: 70 })
  const cursor = new BatchCursor().open(batch)
  while (cursor.next()) {
    copy.append(
      cursor.timestampMs,
      key.set(cursor.bytes, cursor.keyFrom, cursor.keyTo),
      byteSlice,
      cursor.valueFrom < 0 ? null : value.set(cursor.bytes, cursor.valueFrom, cursor.valueTo),
      byteSlice,
      cursor.bytes.subarray(cursor.headersFrom, cursor.headersTo),
    )
  }
  expect(copy.build().equals(batch)).toBe(true)
})

test('a batch is stamped anew for its producer, checksum and all', () => {
  const builder = new BatchBuilder()
  builder.append(1, 'k', utf8Out, 'v', utf8Out, null)
  const batch = builder.build({ producerId: 5, producerEpoch: 0, baseSequence: 40 })
  stampProducer(batch, 2 ** 40, 1, 0)
  builder.append(1, 'k', utf8Out, 'v', utf8Out, null)
  expect(batch.equals(builder.build({ producerId: 2 ** 40, producerEpoch: 1, baseSequence: 0 }))).toBe(true)
})

test('checkRecords refuses what the broker refuses', () => {
  const builder = new BatchBuilder()
  builder.append(1, null, utf8Out, 'v', utf8Out, null)
  const keyless = builder.build()
  expect(() => checkRecords(keyless, { keysRequired: true })).toThrow('INVALID_RECORD')
  expect(checkRecords(keyless).maxTimestampMs).toBe(1)

  builder.append(1, 'k', utf8Out, 'v', utf8Out, null)
  const lying = Buffer.from(builder.build())
  lying.writeInt32BE(5, 23) // lastOffsetDelta
  expect(() => checkRecords(openBatch(resealed(lying), 0, lying.length, place))).toThrow(
    '1 records stand for 6 offsets',
  )
  lying.writeInt32BE(0, 23)
  lying.writeBigInt64BE(99n, 35) // maxTimestamp
  expect(() => checkRecords(openBatch(resealed(lying), 0, lying.length, place))).toThrow('its header says 99 ms')
})
