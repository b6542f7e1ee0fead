import * as ours from '@millrace/kafkajs'
import theirs from 'kafkajs'
import { expect, test } from 'vitest'

const named = new Map<string, unknown>(Object.entries(ours))
test('everything that kafkajs exports is exported under its name', () => {
  const missing = Object.keys(theirs).filter((name) => !named.has(name))
  expect(missing).toEqual([])
})

test('the numbers are the same', () => {
  for (const name of [
    'CompressionTypes',
    'ConfigResourceTypes',
    'ConfigSource',
    'AclResourceTypes',
    'AclOperationTypes',
    'AclPermissionTypes',
    'ResourcePatternTypes',
    'logLevel',
  ]) {
    expect(named.get(name), name).toEqual(Object.entries(theirs).find(([key]) => key === name)?.[1])
  }
})

test('errors have the names, the parents and the facts of kafkajs', () => {
  const facts = { message: 'why', type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, retriable: true, name: 'x' }
  const source = Object.assign(new Error('why'), facts)
  let compared = 0
  for (const [name, Theirs] of Object.entries(theirs)) {
    if (!name.startsWith('KafkaJS') || typeof Theirs !== 'function') continue
    const Ours = named.get(name)
    if (typeof Ours !== 'function') throw new Error(`${name} is no class`)
    const second = { partitions: [], retryCount: 3, retryTime: 9, topic: 't', partition: 1, memberId: 'm', broker: 'b' }
    const firsts = new Map<string, unknown>([
      ['KafkaJSDeleteTopicRecordsError', { partitions: [] }],
      ['KafkaJSAggregateError', 'why'],
    ])
    const first = firsts.get(name) ?? source
    const their: unknown = Reflect.construct(Theirs, [first, second])
    const our: unknown = Reflect.construct(Ours, [first, second])
    if (!(our instanceof Error) || !(their instanceof Error)) throw new Error(`${name} makes no error`)
    expect([our.name, our.message], name).toEqual([their.name, their.message])
    for (const fact of ['retriable', 'type', 'code', 'retryCount', 'retryTime', 'memberId', 'broker']) {
      expect(Reflect.get(our, fact), `${name}.${fact}`).toEqual(Reflect.get(their, fact))
    }
    const parents = (of: object): string[] => {
      const parent: unknown = Object.getPrototypeOf(of)
      return typeof parent === 'function' && parent.name !== '' ? [parent.name, ...parents(parent)] : []
    }
    expect(parents(Ours), name).toEqual(parents(Theirs))
    compared++
  }
  expect(compared).toBeGreaterThan(25)
})
