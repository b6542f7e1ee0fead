import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../src/consumer/consumer-protocol.ts'

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array))
const partitions = fc
  .uniqueArray(fc.record({ topic: fc.constantFrom('a', 'ü', 'topic-1'), partition: fc.nat(9) }), {
    selector: ({ topic, partition }) => `${topic}/${partition}`,
  })
  .map((list) => list.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition)))

describe('consumer protocol', () => {
  it('reads the subscription it wrote', () => {
    const subscription = fc.record({
      topics: fc.array(fc.string({ maxLength: 10 })),
      userData: fc.option(bytes),
      ownedPartitions: partitions,
      generation: fc.integer({ min: -1, max: 1000 }),
      rackId: fc.option(fc.string({ maxLength: 5 })),
    })
    fc.assert(
      fc.property(subscription, (given) => {
        expect(decodeSubscription(encodeSubscription(given))).toEqual(given)
      }),
    )
  })

  it('reads the assignment it wrote', () => {
    const assignment = fc.record({ partitions, userData: fc.option(bytes) })
    fc.assert(
      fc.property(assignment, (given) => {
        expect(decodeAssignment(encodeAssignment(given))).toEqual(given)
      }),
    )
  })

  it('reads what kafkajs writes: version 0, topics and user data', () => {
    // MemberMetadata.encode({ version: 0, topics: ['t'], userData: Buffer.from([1]) }) of kafkajs 2.2.4
    const written = Buffer.from('0000' + '00000001' + '0001' + '74' + '00000001' + '01', 'hex')
    expect(decodeSubscription(written)).toMatchObject({
      topics: ['t'],
      userData: Buffer.from([1]),
      ownedPartitions: [],
    })
  })

  it('takes no bytes for no partitions', () => {
    expect(decodeAssignment(Buffer.alloc(0))).toEqual({ partitions: [], userData: null })
  })

  it('names what is wrong with bytes that end early', () => {
    const whole = encodeAssignment({ partitions: [{ topic: 'a', partition: 1 }], userData: null })
    for (let size = 1; size < whole.length; size++) {
      expect(() => decodeAssignment(whole.subarray(0, size))).toThrow(/CORRUPT_MESSAGE/)
    }
  })
})
