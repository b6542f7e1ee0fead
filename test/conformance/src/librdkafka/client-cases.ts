import { deepEqual } from 'node:assert/strict'
import type { Case } from './world.ts'

/** The scenarios of the compiled client, and what it has to say. */
export const clientCases: Readonly<Record<string, Case>> = {
  'client: idempotent, every record once and in order': async (world) => {
    const topic = await world.topic(1)
    const numbers = Array.from({ length: 200 }, (_, i) => `${i} ${i}`)
    deepEqual(await world.client('idempotent', topic), numbers)
  },

  'client: offsets for times': async (world) => {
    const topic = await world.topic(1)
    deepEqual(await world.client('times', topic), ['from 0 to 3', 'at 0: 0', 'at 1500: 1', 'at 3000: 2', 'at 9999: -1'])
  },

  'client: transactions take positions along, and abort both': async (world) => {
    const [input, output] = [await world.topic(1), await world.topic(1)]
    await world.send(input, ['a', 'b', 'c'])
    deepEqual(await world.client('transactions', input, output, world.name('group'), world.name('tx')), [
      'committed 1',
      'committed 3',
      ...['0 a!', '4 c!'],
      ...['0 a!', '2 b!', '4 c!'],
    ])
  },

  'client: who takes an id over fences who had it': async (world) => {
    const topic = await world.topic(1)
    deepEqual(await world.client('fencing', topic, world.name('tx')), ['_FENCED, fatal', '2 young'])
  },

  'client: three cooperative members lose no more than they must': async (world) => {
    const topic = await world.topic(6)
    deepEqual(await world.client('cooperative', topic, world.name('group')), [
      'COOPERATIVE',
      'three members of 2; taken away: 4 1 0',
      'two members of 3; taken away: 4 1',
    ])
  },

  'client: a static member comes back, and fences its double': async (world) => {
    const topic = await world.topic(6)
    deepEqual(await world.client('static', topic, world.name('group')), [
      'back with what it had: yes',
      'taken from the other: 0',
      'FENCED_INSTANCE_ID',
    ])
  },

  'client: topics are made, changed and deleted': async (world) => {
    deepEqual(await world.client('admin-topics', world.name('topic')), [
      'create: NO_ERROR',
      'create: TOPIC_ALREADY_EXISTS',
      'partitions: NO_ERROR',
      'retention.ms: -1, DYNAMIC_TOPIC_CONFIG',
      'retention.ms: 7200000, DYNAMIC_TOPIC_CONFIG',
      'records begin at 2',
      'delete: NO_ERROR',
      'delete: UNKNOWN_TOPIC_OR_PART',
    ])
  },

  'client: groups are listed, described, moved and deleted': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b', 'c'])
    deepEqual(await world.client('admin-groups', topic, world.name('group')), [
      'listed: Stable',
      'described: Stable, range, members 1',
      'offset 3',
      'delete: NON_EMPTY_GROUP',
      'listed: Empty',
      'offset 1',
      'offset -1001',
      'delete: done',
    ])
  },
}
