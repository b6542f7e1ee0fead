import { createRequire } from 'node:module'
import { Partitioners } from '@millrace/kafkajs'
import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'

/** kafkajs itself is the oracle: a key must go where it went before. */
const key = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 40 }),
)

const partitions = (count: number) =>
  Array.from({ length: count }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 0,
    replicas: [0],
    isr: [0],
  }))

test.each(['DefaultPartitioner', 'LegacyPartitioner', 'JavaCompatiblePartitioner'] as const)(
  '%s sends each key where kafkajs sends it',
  (name) => {
    const ours = Partitioners[name]()
    const theirs = kafkajs.Partitioners[name]()
    fc.assert(
      fc.property(key, fc.integer({ min: 1, max: 1000 }), (key, count) => {
        const args = { topic: 't', partitionMetadata: partitions(count), message: { key, value: 'v' } }
        expect(ours(args)).toBe(theirs(args))
      }),
      { numRuns: 2000 },
    )
  },
)

test('records without a key take turns among the partitions that have a leader', () => {
  const choose = Partitioners.DefaultPartitioner()
  const partitionMetadata = partitions(4).map((row) => (row.partitionId === 2 ? { ...row, leader: -1 } : row))
  const message = { value: 'v' }
  const chosen = Array.from({ length: 6 }, () => choose({ topic: 't', partitionMetadata, message }))
  expect(new Set(chosen.slice(0, 3))).toEqual(new Set([0, 1, 3]))
  expect(chosen.slice(3)).toEqual(chosen.slice(0, 3))
  expect(choose({ topic: 't', partitionMetadata, message: { value: 'v', partition: 2 } })).toBe(2)
})

test('kafkajs in this test is the one that is compared with', () => {
  expect(createRequire(import.meta.url)('kafkajs/package.json').version).toBe('2.2.4')
})
