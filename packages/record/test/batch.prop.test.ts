import { Buffer } from 'node:buffer'
import { codeOf } from '@millrace/kernel'
import { crc32c } from '@node-rs/crc32'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BatchBuilder,
  bytesOut,
  type CodecName,
  checkRecords,
  codecId,
  maxTimestamp,
  openBatch,
  openBatches,
} from '../src/internal.ts'
import { buildBatch, encodedHeaders, fromHex, recordsToWrite, walk } from './plain-records.ts'
import { slowRecords } from './slow-batch.ts'

const place = { source: 'test', position: 0 }

function reopened(bytes: Buffer) {
  return openBatch(bytes, 0, bytes.length, place)
}

test('what is built is what the slow reader and the cursor find', () => {
  fc.assert(
    fc.property(recordsToWrite, fc.constantFrom<CodecName>('none', 'gzip'), (records, codec) => {
      const batch = reopened(buildBatch(records, codec))
      const expected = records.map((record, offset) => ({ ...record, offset }))
      expect(slowRecords(batch)).toEqual(expected)
      expect(walk(batch)).toEqual(expected)
      expect(maxTimestamp(batch)).toBe(Math.max(...records.map((record) => record.timestampMs)))
      expect(checkRecords(batch).maxTimestampMs).toBe(maxTimestamp(batch))
    }),
    { numRuns: 300 },
  )
})

test('every codec gives the same records back', () => {
  fc.assert(
    fc.property(recordsToWrite, fc.constantFrom<CodecName>('snappy', 'lz4', 'zstd'), (records, codec) => {
      expect(walk(reopened(buildBatch(records, codec)))).toEqual(walk(buildBatch(records)))
    }),
    { numRuns: 100 },
  )
})

test('a key serialised before gives the same bytes', () => {
  fc.assert(
    fc.property(recordsToWrite, (records) => {
      const builder = new BatchBuilder()
      for (const record of records) {
        const key = fromHex(record.key)
        // Somewhere inside other bytes, as in a scratch buffer.
        const scratch = Buffer.concat([Buffer.from('xx'), key ?? Buffer.alloc(0), Buffer.from('yy')])
        const from = key === null ? -1 : 2
        builder.appendWithKeyBytes(
          record.timestampMs,
          scratch,
          from,
          from + (key?.length ?? 0),
          fromHex(record.value),
          bytesOut,
          encodedHeaders(record),
        )
      }
      expect(builder.build().equals(buildBatch(records))).toBe(true)
    }),
  )
})

test('a truncated batch is an error, at every length', () => {
  const batch = buildBatch(fc.sample(recordsToWrite, { numRuns: 1, seed: 7 })[0]!)
  for (let size = 0; size < batch.length; size += size < 200 ? 1 : 37) {
    expect(() => reopened(Buffer.from(batch.subarray(0, size))), `${size} bytes`).toThrow('CORRUPT_MESSAGE')
    expect(openBatches(Buffer.from(batch.subarray(0, size)), place)).toEqual([])
  }
})

test('a flipped bit is an error, or lies where the checksum does not look', () => {
  const batch = buildBatch(fc.sample(recordsToWrite, { numRuns: 1, seed: 11 })[0]!.slice(0, 4))
  for (let bit = 0; bit < Math.min(batch.length, 2000) * 8; bit++) {
    const bytes = Buffer.from(batch)
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    let opened = false
    try {
      reopened(bytes)
      opened = true
    } catch (error) {
      expect(codeOf(error)).toBe('CORRUPT_MESSAGE')
    }
    // Base offset and leader epoch are the broker's to stamp; the sign and size of the offset are checked all the same.
    if (opened) expect(bit >> 3 < 8 || (bit >> 3 >= 12 && bit >> 3 < 16), `bit ${bit}`).toBe(true)
  }
})

test('records that were malformed before their checksum was made are an error or stay inside the batch', () => {
  fc.assert(
    fc.property(
      recordsToWrite,
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff), fc.nat(255))), {
        minLength: 1,
        maxLength: 4,
      }),
      (records, edits) => {
        const bytes = Buffer.from(buildBatch(records.slice(0, 5)))
        for (const [at, value] of edits) bytes[57 + (at % (bytes.length - 57))] = value
        bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
        try {
          const found = walk(reopened(bytes))
          // What is found without an error must be what the obvious reader finds.
          expect(found).toEqual(slowRecords(bytes))
        } catch (error) {
          expect(codeOf(error), String(error)).toBe('CORRUPT_MESSAGE')
        }
        try {
          checkRecords(reopened(bytes))
        } catch (error) {
          expect(['CORRUPT_MESSAGE', 'INVALID_RECORD']).toContain(codeOf(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('garbage in place of compressed records is CORRUPT_MESSAGE, never another error', () => {
  fc.assert(
    fc.property(
      recordsToWrite,
      fc.constantFrom<CodecName>('gzip', 'snappy', 'lz4', 'zstd'),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (records, codec, edits, cut) => {
        let bytes = Buffer.from(buildBatch(records.slice(0, 5), codec))
        for (const [at, value] of edits) bytes[61 + (at % (bytes.length - 61))] = value
        if (cut % 3 === 0) bytes = Buffer.from(bytes.subarray(0, 61 + (cut % (bytes.length - 61))))
        bytes.writeInt32BE(bytes.length - 12, 8)
        bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
        try {
          walk(reopened(bytes))
        } catch (error) {
          expect(codeOf(error), String(error)).toBe('CORRUPT_MESSAGE')
        }
      },
    ),
    { numRuns: 1500 },
  )
})

test('random bytes are never a batch', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(() => reopened(Buffer.from(bytes))).toThrow('CORRUPT_MESSAGE')
    }),
  )
})

test('codec numbers are those of the message format', () => {
  expect(codecId).toEqual({ none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 })
})
