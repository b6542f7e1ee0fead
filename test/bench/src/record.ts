import { Buffer } from 'node:buffer'
import {
  BatchBuilder,
  BatchCursor,
  ByteSlice,
  byteSlice,
  bytesOut,
  openBatch,
  utf8Out,
} from '@millrace/record/internal'
import type { Benchmark, Contender } from './benchmark.ts'
import { kafkajsBatch } from './kafkajs-batch.ts'

const recordCount = 1000
const firstMs = 1_700_000_000_000
const place = { source: 'bench', position: 0 }

/** Keys of 10 bytes, values that fill the record up to `recordBytes`. */
function makeRows(recordBytes: number): readonly { readonly key: Buffer; readonly value: Buffer }[] {
  return Array.from({ length: recordCount }, (_, i) => ({
    key: Buffer.from(`key-${String(i).padStart(6, '0')}`),
    value: Buffer.alloc(recordBytes - 10, `value ${i} `),
  }))
}

function build(rows: ReturnType<typeof makeRows>, builder: BatchBuilder) {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    builder.append(firstMs + i, row.key, bytesOut, row.value, bytesOut, null)
  }
  return builder.build()
}

function encodeBenchmark(recordBytes: number): Benchmark {
  return {
    name: `encode ${recordCount} records of ${recordBytes} B`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const rows = makeRows(recordBytes)
      const builder = new BatchBuilder({ capacityBytes: recordCount * (recordBytes + 30) })
      const kafkajs = kafkajsBatch()
      const byKafkajs = () =>
        kafkajs.encode({
          firstTimestamp: firstMs,
          maxTimestamp: firstMs + recordCount - 1,
          lastOffsetDelta: recordCount - 1,
          records: rows.map(({ key, value }, i) => kafkajs.record({ offsetDelta: i, timestampDelta: i, key, value })),
        })
      const [ours, theirs] = [build(rows, builder), (await byKafkajs()).buffer]
      if (!ours.subarray(57).equals(theirs.subarray(57))) throw new Error('the two do not write the same records')
      return [
        { name: 'millrace', run: () => void build(rows, builder) },
        { name: 'kafkajs 2.2.4', run: async () => void (await byKafkajs()) },
      ]
    },
  }
}

function decodeBenchmark(recordBytes: number): Benchmark {
  return {
    name: `decode ${recordCount} records of ${recordBytes} B, a Buffer for each key and value`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const bytes = build(makeRows(recordBytes), new BatchBuilder())
      const cursor = new BatchCursor()
      const kafkajs = kafkajsBatch()
      return [
        {
          name: 'millrace, checksum checked',
          run() {
            const found: { key: Buffer; value: Buffer }[] = []
            cursor.open(openBatch(bytes, 0, bytes.length, place))
            while (cursor.next()) {
              found.push({
                key: cursor.bytes.subarray(cursor.keyFrom, cursor.keyTo),
                value: cursor.bytes.subarray(cursor.valueFrom, cursor.valueTo),
              })
            }
            if (found.length !== recordCount) throw new Error('records are missing')
          },
        },
        {
          name: 'kafkajs 2.2.4, checksum not checked',
          async run() {
            if ((await kafkajs.decode(bytes)).records.length !== recordCount) throw new Error('records are missing')
          },
        },
      ]
    },
  }
}

function walkBenchmark(recordBytes: number): Benchmark {
  return {
    name: `check and walk ${recordCount} records of ${recordBytes} B, nothing allocated`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const bytes = build(makeRows(recordBytes), new BatchBuilder())
      const cursor = new BatchCursor()
      let seen = 0
      return [
        {
          name: 'millrace',
          run() {
            cursor.open(openBatch(bytes, 0, bytes.length, place))
            while (cursor.next()) seen += cursor.valueTo - cursor.valueFrom
            if (seen === 0) throw new Error('no value was seen')
          },
        },
      ]
    },
  }
}

function copyBenchmark(recordBytes: number): Benchmark {
  return {
    name: `copy ${recordCount} records of ${recordBytes} B from one batch into another`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const batch = build(makeRows(recordBytes), new BatchBuilder())
      const builder = new BatchBuilder({ capacityBytes: batch.length + 100 })
      const cursor = new BatchCursor()
      const key = new ByteSlice()
      const value = new ByteSlice()
      return [
        {
          name: 'millrace',
          run() {
            cursor.open(batch)
            while (cursor.next()) {
              key.set(cursor.bytes, cursor.keyFrom, cursor.keyTo)
              value.set(cursor.bytes, cursor.valueFrom, cursor.valueTo)
              builder.append(cursor.timestampMs, key, byteSlice, value, byteSlice, null)
            }
            if (builder.build().length !== batch.length) throw new Error('the copy differs')
          },
        },
      ]
    },
  }
}

const encodeText: Benchmark = {
  name: `encode ${recordCount} records of text, key 10 and value 90 characters`,
  unit: 'records',
  unitsPerRun: recordCount,
  async contenders(): Promise<readonly Contender[]> {
    const rows = makeRows(100).map(({ key, value }) => ({ key: key.toString(), value: value.toString() }))
    const builder = new BatchBuilder({ capacityBytes: recordCount * 130 })
    return [
      {
        name: 'millrace',
        run() {
          for (let i = 0; i < rows.length; i++) {
            const row = rows[i]!
            builder.append(firstMs + i, row.key, utf8Out, row.value, utf8Out, null)
          }
          builder.build()
        },
      },
    ]
  },
}

export const recordBenchmarks: readonly Benchmark[] = [
  ...[100, 1000].flatMap((bytes) => [
    encodeBenchmark(bytes),
    decodeBenchmark(bytes),
    walkBenchmark(bytes),
    copyBenchmark(bytes),
  ]),
  encodeText,
]
