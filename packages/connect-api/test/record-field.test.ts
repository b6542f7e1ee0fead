import { expect, it } from 'vitest'
import { fieldReader, sinkBatchOf } from '../src/index.ts'

const batch = sinkBatchOf([
  {
    topic: 't',
    partition: 3,
    key: { key: 'ATL~ORD', start: 10, end: 20 },
    value: { a: { b: 1 }, n: null },
    timestamp: 5,
  },
  { topic: 't', partition: 3, key: { id: 7 }, value: null },
])

it.each([
  [{ from: 'key' }, 'ATL~ORD', { id: 7 }],
  [{ from: 'key', split: '~', part: 1 }, 'ORD', undefined],
  [{ from: 'key', split: '~', part: 2 }, undefined, undefined],
  [{ from: 'key.id' }, undefined, 7],
  [{ from: 'value.a.b' }, 1, undefined],
  [{ from: 'value.n' }, null, undefined],
  [{ from: 'window.start' }, 10, undefined],
  [{ from: 'window.end' }, 20, undefined],
  [{ from: 'timestamp' }, 5, 0],
  [{ from: 'offset' }, 0, 1],
  [{ from: 'partition' }, 3, 3],
  [{ from: 'topic' }, 't', 't'],
])('%o', (source, first, second) => {
  const read = fieldReader(source, 'columns[0].from')
  expect([read(batch, 0), read(batch, 1)]).toEqual([first, second])
})

it.each([{ from: 'vlaue.x' }, { from: 'value.' }, { from: 'window' }, { from: 'value.x', part: 1 }])(
  'refuses %o',
  (source) => {
    expect(() => fieldReader(source, 'columns[0].from')).toThrow(/columns\[0\].from/)
  },
)
