import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BoundedQueue,
  codeOf,
  configError,
  errorTable,
  kafkaError,
  MillraceError,
  messageOf,
  nearest,
  offset,
  offsetAfter,
  remedyFor,
  TopicPartitionMap,
} from '../src/index.ts'

test('a bounded queue is an array with a limit', () => {
  const steps = fc.array(fc.oneof(fc.constant('poll' as const), fc.nat(99)), { maxLength: 200 })
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 4, 16), steps, (capacity, history) => {
      const queue = new BoundedQueue<number>(capacity)
      const model: number[] = []
      for (const step of history) {
        expect(queue.peek()).toBe(model[0])
        if (step === 'poll') expect(queue.poll()).toBe(model.shift())
        else {
          expect(queue.offer(step)).toBe(model.length < capacity)
          if (model.length < capacity) model.push(step)
        }
        expect([queue.size, queue.full]).toEqual([model.length, model.length === capacity])
      }
    }),
  )
  expect(() => new BoundedQueue(3)).toThrow('not a power of two')
  expect(() => new BoundedQueue(0)).toThrow('not a power of two')
})

test('nearest finds what was meant, and nothing where nothing was', () => {
  const known = ['acks', 'lingerMs', 'batchBytes', 'compression']
  expect(nearest('lingerms', known)).toBe('lingerMs')
  expect(nearest('comprssion', known)).toBe('compression')
  expect(nearest('ack', known)).toBe('acks')
  expect(nearest('windowSize', known)).toBeUndefined()
  expect(nearest('', [])).toBeUndefined()
})

test('an error names place, value and fix; its code tells what to do', () => {
  const error = configError('producer.acks', 'is not a level', 2, 'Write 0, 1 or all')
  expect(error.message).toBe('producer.acks: is not a level (got 2). Write 0, 1 or all')
  expect([codeOf(error), remedyFor(error)]).toEqual(['CONFIG', 'fail'])
  expect(remedyFor(kafkaError('NOT_LEADER_OR_FOLLOWER', 'a-0'))).toBe('refresh-metadata')
  expect(remedyFor(new MillraceError('CONNECTION_LOST', 'gone'))).toBe('refresh-metadata')
  expect(remedyFor(new MillraceError('SYSTEM_UNAVAILABLE', 'gone'))).toBe('retry')
  expect([codeOf(undefined), codeOf('x'), codeOf({ code: 5 }), remedyFor(null)]).toEqual([
    undefined,
    undefined,
    undefined,
    'fail',
  ])
  const caused = new MillraceError('DISK_ERROR', 'cannot write', { place: '/data', cause: new Error('EIO') })
  expect(messageOf(caused)).toBe('/data: cannot write <- EIO')
  expect(messageOf(7)).toBe('7')
})

test('the sentence of a code is said once, whatever comes beside it', () => {
  const { text } = errorTable.INVALID_CONFIG
  expect(kafkaError('INVALID_CONFIG', 'topic a').message).toBe(`topic a: ${text} [INVALID_CONFIG]`)
  expect(kafkaError('INVALID_CONFIG', 'topic a', text).message).toBe(`topic a: ${text} [INVALID_CONFIG]`)
  expect(kafkaError('INVALID_CONFIG', 'topic a', 'x=1.').message).toBe(`topic a: ${text} x=1. [INVALID_CONFIG]`)
})

test('the error table has one row for a number', () => {
  const numbers = Object.values(errorTable).map((row) => row.wire)
  expect(new Set(numbers).size).toBe(numbers.length)
})

test('an offset is a safe integer from -1 on', () => {
  expect(offset(-1)).toBe(-1)
  expect(offsetAfter(offset(5), 3)).toBe(8)
  for (const bad of [-2, 0.5, 2 ** 53, Number.NaN]) expect(() => offset(bad)).toThrow('is not an offset')
})

test('a map by topic and partition is a map', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b'), fc.nat(3), fc.option(fc.nat(), { nil: undefined }))
  fc.assert(
    fc.property(fc.array(step), (history) => {
      const map = new TopicPartitionMap<number>()
      const model = new Map<string, number>()
      for (const [topic, partition, value] of history) {
        const name = `${topic}-${partition}`
        if (value === undefined) expect(map.delete(topic, partition)).toBe(model.delete(name))
        else {
          map.set(topic, partition, value)
          model.set(name, value)
        }
        expect(map.size).toBe(model.size)
      }
      expect(new Map([...map].map(([at, value]) => [`${at.topic}-${at.partition}`, value]))).toEqual(model)
    }),
  )
})
