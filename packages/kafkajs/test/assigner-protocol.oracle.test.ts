import { AssignerProtocol } from '@millrace/kafkajs'
import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'

const topic = fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__')
const userData = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))
const version = fc.integer({ min: 0, max: 3 })

test('metadata is written and read as kafkajs does', () => {
  fc.assert(
    fc.property(version, fc.array(topic, { maxLength: 5 }), userData, (version, topics, userData) => {
      const metadata = { version, topics, userData }
      const bytes = AssignerProtocol.MemberMetadata.encode(metadata)
      expect(bytes).toEqual(kafkajs.AssignerProtocol.MemberMetadata.encode(metadata))
      expect(AssignerProtocol.MemberMetadata.decode(bytes)).toEqual(metadata)
    }),
  )
})

test('assignments are written and read as kafkajs does', () => {
  const partitions = fc.uniqueArray(fc.nat(1000), { maxLength: 8 })
  fc.assert(
    fc.property(version, fc.dictionary(topic, partitions, { maxKeys: 4 }), userData, (version, given, userData) => {
      const assignment = { version, assignment: { ...given }, userData }
      const bytes = AssignerProtocol.MemberAssignment.encode(assignment)
      expect(bytes).toEqual(kafkajs.AssignerProtocol.MemberAssignment.encode(assignment))
      expect(AssignerProtocol.MemberAssignment.decode(bytes)).toEqual(assignment)
    }),
  )
  expect(AssignerProtocol.MemberAssignment.decode(Buffer.alloc(0))).toBeNull()
})
