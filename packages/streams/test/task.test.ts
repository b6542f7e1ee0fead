import { codeOf, type Offset } from '@millrace/kernel'
import { BatchBuilder } from '@millrace/record/internal'
import { defineTopology, long, string, topic, tumbling } from '@millrace/streams'
import type { Collector, TaskOptions } from '@millrace/streams/internal'
import { expect, test } from 'vitest'
import { decodeStreamTimes, encodeStreamTimes } from '../src/task/commit-metadata.ts'
import { PositionTracker } from '../src/task/position-tracker.ts'
import { alone } from './lone-task.ts'

const left = topic('left', { key: string(), value: long() })
const right = topic('right', { key: string(), value: long() })
const out = topic('out', { key: string(), value: long() })

const merged = defineTopology('merged', ({ stream }) => stream(left).merge(stream(right)).to(out))

test('inputs are taken in the order of time, waiting for what the broker has or may have', () => {
  const { task, written, add } = alone(merged)
  add('left', [4, 6])
  expect(task.ready).toBe(false) // nothing is known of `right`
  expect(task.process(10)).toBe(0)
  task.lag('right', 0, 3)
  expect(task.process(10)).toBe(0)
  add('right', [1, 5, 5])
  task.lag('right', 0, 0)
  task.lag('left', 0, 1)
  expect(task.process(10)).toBe(5) // `right` has caught up: `left` need not wait for it
  expect(written.timesOf('out')).toEqual([1, 4, 5, 5, 6])
  add('right', [7])
  expect(task.process(10)).toBe(0) // `left` has one more, which may be older
  task.lag('left', 0, 0)
  expect(task.process(10)).toBe(1)
})

test('with maxTaskIdleMs an input that has caught up is waited for, on the monotonic clock', async () => {
  const { task, clock, add } = alone(merged, { maxTaskIdleMs: 100 })
  task.lag('left', 0, 0)
  task.lag('right', 0, 0)
  add('left', [1])
  expect(task.process(1)).toBe(0)
  expect(task.readyInMs).toBe(100)
  await clock.advance(99)
  expect(task.process(1)).toBe(0)
  await clock.advance(1)
  expect(task.process(1)).toBe(1)
})

test('with maxTaskIdleMs -1 nothing is waited for', () => {
  const { task, add } = alone(merged, { maxTaskIdleMs: -1 })
  add('left', [1])
  expect(task.process(1)).toBe(1)
})

test('positions: the next record of each input that moved, with its epoch and times', () => {
  const { task, add } = alone(merged)
  for (const name of ['left', 'right']) task.lag(name, 0, 0)
  expect(task.changedPositions().size).toBe(0)
  add('left', [10, 20, 30])
  expect(task.bufferedRecords('left', 0)).toBe(3)
  task.process(2)
  const positions = task.changedPositions()
  expect(positions.size).toBe(1)
  expect(positions.get('left', 0)).toMatchObject({ offset: 2, leaderEpoch: 7 })
  expect(decodeStreamTimes(positions.get('left', 0)!.metadata).partitionTimeMs).toBe(20)
  task.committed(positions)
  expect(task.changedPositions().size).toBe(0)
  expect(task.bufferedBytes('left', 0)).toBeGreaterThan(0)
  task.process(2)
  expect(task.changedPositions().get('left', 0)?.offset).toBe(3)
  expect(task.bufferedBytes('left', 0)).toBe(0)
})

test('it stops between records while the collector is full', () => {
  const { task, written, add } = alone(merged, { maxTaskIdleMs: -1 })
  add('left', [1, 2])
  written.full = true
  expect(task.process(10)).toBe(0)
  written.full = false
  expect(task.process(10)).toBe(2)
})

test('a cache full of changes asks for a commit; after it there is room again', () => {
  const counted = defineTopology('counted', ({ stream }) => void stream(left).groupByKey().count({ store: 'count' }))
  const { task, written, add } = alone(counted, { cacheBytesMax: 4000 })
  const times = Array.from({ length: 100 }, (_, i) => i)
  add('left', times)
  const first = task.process(100)
  expect(first).toBeLessThan(100)
  expect(task.commitWanted).toBe(true)
  expect(task.cacheBytes).toBeLessThan(5000)
  task.flushCaches()
  expect(written.timesOf('counted-count-changelog')).toEqual(times.slice(0, first))
  task.flushStores({ count: first })
  expect(task.commitWanted).toBe(false)
  expect(task.cacheBytes).toBeLessThanOrEqual(2000)
  expect(task.storedOffsets).toEqual({ count: first })
  expect(task.process(100)).toBeGreaterThan(0)
})

test('stream time survives: a record that was late stays late after a restart', () => {
  const windowed = defineTopology('w', ({ stream }) => {
    stream(left)
      .groupByKey()
      .windowedBy(tumbling({ ms: 10 }))
      .count({ store: 'count' })
  })
  const before = alone(windowed)
  before.add('left', [5, 100])
  before.task.process(10)
  before.task.flushCaches()
  const committed = before.task.changedPositions().get('left', 0)!

  const after = alone(windowed)
  after.task.resumeFrom('left', 0, committed)
  expect(after.task.streamTimeMs).toBe(100)
  after.add('left', [50, 100])
  after.task.process(10)
  expect(after.task.dropped.get('late')).toBe(1)

  const forgetful = alone(windowed)
  forgetful.add('left', [50, 100])
  forgetful.task.process(10)
  expect(forgetful.task.dropped.get('late')).toBeUndefined()
})

test('metadata of others, or none, tells nothing and harms nothing', () => {
  const nodeTimesMs = new Map([['a', 3]])
  const own = encodeStreamTimes({ partitionTimeMs: 12, nodeTimesMs })
  expect(decodeStreamTimes(own)).toEqual({ partitionTimeMs: 12, nodeTimesMs })
  for (const foreign of ['', 'hello', own.slice(0, -8), Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 9]).toString('base64')]) {
    expect(decodeStreamTimes(foreign).nodeTimesMs.size).toBe(0)
  }
})

test('what a step still holds keeps the position back', () => {
  const tracker = new PositionTracker()
  const at = (value: number) => value as Offset
  expect(tracker.changed).toBe(false)
  tracker.hold(at(3))
  tracker.hold(at(4))
  tracker.advance(at(5), 1)
  expect(tracker.lowestUnfinished).toBe(3)
  tracker.release(at(3))
  expect(tracker.lowestUnfinished).toBe(4)
  tracker.release(at(4))
  expect(tracker.lowestUnfinished).toBe(5)
  tracker.committed(at(5))
  expect(tracker.changed).toBe(false)
})

test('a value that its serde cannot write follows the production policy', () => {
  const build = (production: 'fail' | 'skip') =>
    defineTopology(
      'p',
      ({ stream }) =>
        stream(left)
          .mapValues((n) => n + 0.5)
          .to(out),
      { errors: { production } },
    )
  const real: Partial<TaskOptions> = { collector: serialising() }
  const failing = alone(build('fail'), real)
  failing.add('left', [1])
  let thrown: unknown
  try {
    failing.task.process(1)
  } catch (error) {
    thrown = error
  }
  expect(codeOf(thrown)).toBe('BAD_RECORD')
  expect(failing.task.changedPositions().size).toBe(0)
  expect(() => failing.task.flushCaches()).toThrow(/could not be written/)
  expect(() => failing.task.process(1)).toThrow(/could not be written/)
  const skipping = alone(build('skip'), real)
  skipping.add('left', [1])
  expect(skipping.task.process(1)).toBe(1)
  expect(skipping.task.dropped.get('production')).toBe(1)
})

function serialising(): Collector {
  const builder = new BatchBuilder()
  return {
    full: false,
    handle: (name) => ({ topic: name, partitions: 1 }),
    append: (_to, _partition, timestampMs, key, keyOut, value, valueOut, headers) =>
      builder.append(timestampMs, key, keyOut, value, valueOut, headers),
  }
}

test('an unequal pair of topics: a task reads those that have its partition', () => {
  const { task, add } = alone(merged, { inputs: ['left'] })
  add('left', [1])
  expect(task.inputs).toEqual([{ topic: 'left', partition: 0 }])
  expect(task.process(1)).toBe(1)
  expect(() => task.lag('right', 0, 0)).toThrow(/does not read right-0/)
})
