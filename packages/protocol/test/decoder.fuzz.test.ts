import { Buffer } from 'node:buffer'
import { codeOf, MillraceError } from '@millrace/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apiOf, apis, fieldsOf, isApiName } from '../src/apis.ts'
import {
  type ApiName,
  type Direction,
  decodeMessage,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  fill,
  MessageWriter,
  writeMessage,
} from '../src/internal.ts'

const names = Object.keys(apis).filter(isApiName)
const runs = Number(process.env['MILLRACE_FUZZ_RUNS'] ?? 150)

/** Decodes, or says why not; anything but our own error is a bug. */
function tried(decode: () => unknown): string {
  try {
    decode()
    return 'decoded'
  } catch (error) {
    if (error instanceof MillraceError && codeOf(error) === 'CORRUPT_MESSAGE') return error.message
    throw error
  }
}

function versionsOf(api: ApiName): fc.Arbitrary<number> {
  const { min, max } = apiOf(api).versions
  return fc.integer({ min, max })
}

const directions = fc.constantFrom<Direction>('request', 'response')
/** Bytes with many small lengths and many lies. */
const lies = fc.constantFrom('7fffffff', 'ffffffff', 'fffffffe', '0fffffff', 'ffffffff07', '7fff', '80000000', 'fe')
const garbage = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      lies.map((hex) => Buffer.from(hex, 'hex')),
    ),
    { maxLength: 30 },
  )
  .map((parts) => Buffer.concat(parts))

describe.each(names)('%s', (api) => {
  test('garbage is decoded or refused with our error', () => {
    fc.assert(
      fc.property(directions, versionsOf(api), garbage, (direction, version, bytes) => {
        tried(() => decodeMessage(api, direction, version, bytes))
      }),
      { numRuns: runs },
    )
  })

  test('a true message that was cut, or had bytes changed, is decoded or refused with our error', () => {
    const { versions } = apiOf(api)
    const out = new MessageWriter()
    fc.assert(
      fc.property(
        directions,
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat(0xff)), { maxLength: 4 }),
        (direction, cut, changes) => {
          out.begin()
          writeMessage(out, api, direction, versions.max, fill(api, direction, {} as never))
          const bytes = Buffer.concat(out.end().pieces).subarray(4)
          for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
          tried(() => decodeMessage(api, direction, versions.max, bytes.subarray(0, cut % (bytes.length + 1))))
        },
      ),
      { numRuns: runs },
    )
  })
})

test('headers of garbage are decoded or refused with our error', () => {
  fc.assert(
    fc.property(garbage, (bytes) => {
      tried(() => decodeRequestHeader(bytes))
      tried(() => decodeResponse('fetch', 12, bytes))
    }),
    { numRuns: runs * 10 },
  )
})

test('an error names the message, the field and the byte', () => {
  const out = new MessageWriter()
  out.begin()
  const partitions = [{ partitionIndex: 0 }, { partitionIndex: 1 }]
  writeMessage(out, 'fetch', 'response', 11, fill('fetch', 'response', { responses: [{ topic: 't', partitions }] }))
  const bytes = Buffer.concat(out.end().pieces).subarray(4)
  bytes.writeInt32BE(100, bytes.length - 4)
  const message = tried(() => decodeMessage('fetch', 'response', 11, bytes))
  expect(message).toBe(
    `fetch v11 response, responses[0].partitions[1].records at byte ${bytes.length}: ` +
      `100 bytes announced before byte ${bytes.length}, 0 bytes left`,
  )
})

test('a list cannot announce more items than bytes are left for', () => {
  const bytes = Buffer.alloc(1 << 16)
  bytes.writeInt32BE(0x7fff_ffff, 0)
  const before = process.memoryUsage().heapUsed
  expect(tried(() => decodeMessage('metadata', 'request', 1, bytes))).toMatch(/2147483647 items announced/)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 << 20)
})

test('a request cannot have more items than the bound, in all its lists together', () => {
  const header = { apiKey: 3, apiVersion: 1, correlationId: 1, clientId: null, end: 0 }
  const ofNames = (count: number) => {
    const bytes = Buffer.alloc(4 + 2 * count) // empty names
    bytes.writeInt32BE(count, 0)
    return bytes
  }
  expect(decodeRequest('metadata', header, ofNames(500_000)).topics).toHaveLength(500_000)
  expect(tried(() => decodeRequest('metadata', header, ofNames(500_001)))).toMatch(/more items than a request may have/)
  const topic = { name: 't', partitionIndexes: new Array<number>(260_000).fill(0) }
  const whole = encodeRequest('describeProducers', 0, { correlationId: 1, clientId: null }, { topics: [topic, topic] })
  const frame = Buffer.concat(whole.pieces).subarray(4)
  const nested = tried(() => decodeRequest('describeProducers', decodeRequestHeader(frame), frame))
  expect(nested).toMatch(/topics\[1\]\.partitionIndexes.*260000 here/)
})

test('a place in a log that does not fit 53 bits is read as the last, or the first, that does', () => {
  const { MAX_SAFE_INTEGER: last, MIN_SAFE_INTEGER: first } = Number
  const asked = { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: last }] }], timeoutMs: 1 }
  const writer = new MessageWriter()
  writer.begin()
  writeMessage(writer, 'deleteRecords', 'request', 0, asked)
  const bytes = Buffer.concat(writer.end().pieces).subarray(4)
  const at = bytes.indexOf(Buffer.from('001fffffffffffff', 'hex'))
  const places: readonly [bigint, number][] = [
    [2n ** 63n - 1n, last],
    [2n ** 53n, last],
    [BigInt(last), last],
    [BigInt(first), first],
    [-(2n ** 53n), first],
    [-(2n ** 63n), first],
  ]
  for (const [sent, read] of places) {
    bytes.writeBigInt64BE(sent, at)
    expect(decodeMessage('deleteRecords', 'request', 0, bytes).topics[0]?.partitions[0]?.offset).toBe(read)
  }
})

test('no number of a request is too large to be read: the answer says what is wrong with it', () => {
  const strict = (fields: ReturnType<typeof fieldsOf>, path: string): string[] =>
    Object.entries(fields).flatMap(([name, { shape, clamps, saturates }]) => {
      const inner = shape.kind === 'list' ? shape.item : shape
      if (inner.kind === 'struct') return strict(inner.fields, `${path}.${name}`)
      return inner.kind === 'int64' && !clamps && !saturates ? [`${path}.${name}`] : []
    })
  expect(
    Object.keys(apis)
      .filter(isApiName)
      .flatMap((api) => strict(fieldsOf(api, 'request'), api)),
  ).toEqual([])
  const writer = new MessageWriter()
  writer.begin()
  writeMessage(writer, 'listTransactions', 'request', 0, {
    ...{ stateFilters: [], producerIdFilters: [5, Number.MAX_SAFE_INTEGER], durationFilter: -1 },
    transactionalIdPattern: null,
  })
  const bytes = Buffer.concat(writer.end().pieces).subarray(4)
  bytes.writeBigInt64BE(2n ** 63n - 1n, bytes.indexOf(Buffer.from('001fffffffffffff', 'hex')))
  const read = decodeMessage('listTransactions', 'request', 0, bytes)
  expect(read.producerIdFilters).toEqual([5, Number.MAX_SAFE_INTEGER])
})

test('what follows a request is not looked at; what follows an answer is refused', () => {
  const byLibrdkafka = Buffer.from('010000', 'hex') // 2.0.2: no filters, tags, and tags once more
  expect(decodeMessage('listGroups', 'request', 4, byLibrdkafka)).toMatchObject({ statesFilter: [] })
  const answer = Buffer.from('0000000000000100', 'hex')
  expect(decodeMessage('listGroups', 'response', 4, answer)).toMatchObject({ groups: [] })
  const longer = Buffer.concat([answer, Buffer.of(0)])
  expect(tried(() => decodeMessage('listGroups', 'response', 4, longer))).toMatch(/1 bytes follow its end/)
})
