import { expect, test } from 'vitest'
import { resolveStreamsOptions } from '../../src/runtime/streams-options.ts'

test('defaults follow the topology', () => {
  expect(resolveStreamsOptions({ stateDirectory: '/state' }, 'orders')).toEqual({
    applicationId: 'orders',
    stateDirectory: '/state',
    threads: 1,
    commitIntervalMs: 1000,
    cacheBytesMax: 10 * 1024 * 1024,
    bufferBytesMax: 4 * 1024 * 1024,
    maxTaskIdleMs: 0,
    sessionTimeoutMs: 10_000,
    processing: 'at-least-once',
    transactionTimeoutMs: 10_000,
  })
})

test('under exactly-once readers wait for commits, so they come ten times as often', () => {
  const options = { stateDirectory: '/state', processing: 'exactly-once' } as const
  expect(resolveStreamsOptions(options, 'orders').commitIntervalMs).toBe(100)
  expect(() => resolveStreamsOptions({ ...options, commitIntervalMs: 10_000 }, 'orders')).toThrow(
    'commitIntervalMs: is a transaction’s length: it must be below transactionTimeoutMs (got 10000)',
  )
  expect(() => resolveStreamsOptions({ ...options, processing: Object('once') }, 'orders')).toThrow(
    /^processing: must be/,
  )
})

test.each([
  [{ threads: -1 }, 'threads: must be a whole number from 0 to 1024 (got -1)'],
  [{ threads: 1.5 }, 'threads: must be a whole number from 0 to 1024 (got 1.5)'],
  [{ commitIntervalMs: 0 }, 'commitIntervalMs: must be a whole number from 1 to 3600000 (got 0)'],
  [{ stateDirectory: '' }, 'stateDirectory: must be a path (got "")'],
])('%o is refused by name, value and range', (bad, message) => {
  expect(() => resolveStreamsOptions({ stateDirectory: '/state', ...bad }, 'orders')).toThrow(message)
})

test('a misspelt option is refused with the one that was meant', () => {
  const misspelt = { stateDirectory: '/state', comitIntervalMs: 5 }
  expect(() => resolveStreamsOptions(misspelt, 'orders')).toThrow('Did you mean commitIntervalMs?')
})
