import { defineTopology, json, long, string, topic, tumbling } from '@millrace/streams'
import { type TopologyDriver, topologyDriver } from '@millrace/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const input = topic('input', { key: string(), value: long() })
const people = topic('people', { key: string(), value: string() })
const joined = topic('joined', { key: string(), value: json<{ sum: number; name: string | null }>() })
const changes = topic('changes', { key: string(), value: long() })

const sizeMs = 10
const graceMs = 15

const topology = defineTopology('oracle', ({ stream, table }) => {
  const numbers = stream(input)
  const known = table(people, { store: 'people' })
  const grouped = numbers.groupByKey()
  const windows = grouped.windowedBy(tumbling({ ms: sizeMs }).grace({ ms: graceMs }))
  windows.count({ store: 'per-window' })
  windows.reduce((a, b) => a + b, { store: 'sum-per-window' })
  grouped
    .reduce((a, b) => a + b, { store: 'sums' })
    .toStream()
    .to(changes)
  numbers.leftJoin(known, (value, name) => ({ sum: value, name })).to(joined)
  numbers.groupBy((value) => `mod ${value % 3}`, { key: string() }).count({ store: 'by-mod' })
})

interface Numbered {
  readonly kind: 'number'
  readonly key: string | null
  readonly value: number | null
  readonly timestampMs: number
}

interface Person {
  readonly kind: 'person'
  readonly key: string
  readonly name: string | null
  readonly timestampMs: number
}

type Step =
  | Numbered
  | Person
  | { readonly kind: 'commit' }
  | { readonly kind: 'crash'; readonly state: 'keep' | 'delete' }

const key = fc.constantFrom('a', 'b', 'c', 'd')
const timestampMs = fc.nat({ max: 120 })

const history = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('number' as const),
        key: fc.option(key, { freq: 8 }),
        value: fc.option(fc.nat({ max: 9 }), { freq: 8 }),
        timestampMs,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('person' as const),
        key,
        name: fc.option(fc.string({ maxLength: 3 }), { freq: 3 }),
        timestampMs,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('crash' as const),
        state: fc.constantFrom('keep' as const, 'delete' as const),
      }),
    },
  ),
  { maxLength: 60 },
)

async function play(driver: TopologyDriver, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'number') driver.in(input, step)
    else if (step.kind === 'person')
      driver.in(people, { key: step.key, value: step.name, timestampMs: step.timestampMs })
    else if (step.kind === 'commit') driver.commit()
    else await driver.crash({ state: step.state })
  }
  driver.commit()
}

/** Slow and obvious: each partition's records in the order in which they were written. */
function recount(driver: TopologyDriver, steps: readonly Step[]) {
  const partitionOf = partitions(driver)
  const streamTime = new Map<number, number>()
  const windows = new Map<string, { count: number; sum: number }>()
  const sums = new Map<string, number>()
  const mods = new Map<string, number>()
  const names = new Map<string, string>()
  const joins: string[] = []
  let late = 0
  for (const step of steps) {
    if (step.kind === 'person') {
      if (step.name === null) names.delete(step.key)
      else names.set(step.key, step.name)
    }
    if (step.kind !== 'number' || step.value === null) continue
    const mod = `mod ${step.value % 3}`
    mods.set(mod, (mods.get(mod) ?? 0) + 1)
    const name = step.key === null ? null : (names.get(step.key) ?? null)
    joins.push(JSON.stringify([step.key, { sum: step.value, name }, step.timestampMs]))
    if (step.key === null) continue
    sums.set(step.key, (sums.get(step.key) ?? 0) + step.value)
    const partition = partitionOf(step.key)
    const now = Math.max(streamTime.get(partition) ?? -1, step.timestampMs)
    streamTime.set(partition, now)
    const start = Math.floor(step.timestampMs / sizeMs) * sizeMs
    if (!(start + sizeMs > now - graceMs)) {
      late++
      continue
    }
    const window = windows.get(`${step.key}@${start}`) ?? { count: 0, sum: 0 }
    windows.set(`${step.key}@${start}`, { count: window.count + 1, sum: window.sum + step.value })
  }
  // A window whose start lies a whole retention behind stream time is gone from the store.
  for (const id of [...windows.keys()]) {
    const [its, start] = id.split('@')
    if (Number(start) <= (streamTime.get(partitionOf(its!)) ?? -1) - sizeMs - graceMs) windows.delete(id)
  }
  return { windows, sums, mods, names, joins, late }
}

/** Which partition a key is in, found out by asking a pass-through. */
function partitions(driver: TopologyDriver): (key: string) => number {
  const known = new Map<string, number>()
  for (const { key, partition } of driver.out(joined)) if (key !== null) known.set(key, partition)
  return (of) => known.get(of) ?? 0
}

test.each([1, 3])('generated histories on %i partitions come to what a recount comes to', async (count) => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      await using driver = topologyDriver(topology, { partitions: count })
      await play(driver, steps)
      const expected = recount(driver, steps)
      const rows = driver.windows('per-window').entries()
      const sums = driver.windows('sum-per-window')
      expect(
        new Map(rows.map(({ key, start, value }) => [`${key}@${start}`, { count: value, sum: sums.get(key, start) }])),
      ).toEqual(expected.windows)
      expect(
        new Map(
          driver
            .table('sums')
            .entries()
            .map((row) => [row.key, row.value]),
        ),
      ).toEqual(expected.sums)
      expect(
        new Map(
          driver
            .table('by-mod')
            .entries()
            .map((row) => [row.key, row.value]),
        ),
      ).toEqual(expected.mods)
      expect(
        new Map(
          driver
            .table('people')
            .entries()
            .map((row) => [row.key, row.value]),
        ),
      ).toEqual(expected.names)
    }),
    { numRuns: 150 },
  )
})

test('every stream record is joined once with what its key had then', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      // Read again after a crash, records meet in the order of their times: so here that is the order they were written
      // in.
      const steps = given.map((step, i) => ('timestampMs' in step ? { ...step, timestampMs: i } : step))
      await using driver = topologyDriver(topology, { partitions: 2 })
      await play(driver, steps)
      const out: string[] = driver.out(joined).map((row) => JSON.stringify([row.key, row.value, row.timestampMs]))
      // The driver's first look at this topic: recount asks it nothing more.
      expect(out.sort()).toEqual(recount(driver, steps).joins.sort())
    }),
    { numRuns: 100 },
  )
})

test('late records are counted: what a run without crashes drops', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const steps = given.filter(({ kind }) => kind !== 'crash')
      await using driver = topologyDriver(topology)
      await play(driver, steps)
      expect(driver.dropped.get('late') ?? 0).toBe(2 * recount(driver, steps).late)
    }),
    { numRuns: 100 },
  )
})

test('the last change of each key in the output is its value in the table, and no change is lost', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      await using driver = topologyDriver(topology, { partitions: 2 })
      await play(driver, steps)
      const last = new Map(driver.out(changes).map((row) => [row.key, row.value]))
      expect(last).toEqual(
        new Map(
          driver
            .table('sums')
            .entries()
            .map((row) => [row.key, row.value]),
        ),
      )
    }),
    { numRuns: 100 },
  )
})

test('the same records and commits give the same bytes, crashes or not (law 9)', async () => {
  const bytesOf = (driver: TopologyDriver) => {
    const topics = [...driver.plan.writtenTopics, ...driver.plan.repartitionTopics.map(({ name }) => name)]
    return topics.map((name) =>
      driver.rawOut(name).map(({ partition, offset, timestampMs, key, value }) => {
        return [partition, offset, timestampMs, key?.toString('latin1'), value?.toString('latin1')]
      }),
    )
  }
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const calm = steps.filter(({ kind }) => kind !== 'crash')
      await using first = topologyDriver(topology, { partitions: 2 })
      await using second = topologyDriver(topology, { partitions: 2 })
      await using crashed = topologyDriver(topology, { partitions: 2 })
      await play(first, calm)
      await play(second, calm)
      await play(crashed, steps)
      expect(bytesOf(second)).toEqual(bytesOf(first))
      expect(crashed.table('sums').entries()).toEqual(first.table('sums').entries())
      expect(crashed.windows('per-window').entries()).toEqual(first.windows('per-window').entries())
    }),
    { numRuns: 60 },
  )
})

test('under at-least-once a crash never loses a record: no count is below the true one', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      await using driver = topologyDriver(topology, { partitions: 2 })
      for (const step of steps) {
        if (step.kind === 'number') driver.in(input, step)
        else if (step.kind === 'commit') driver.commit()
        else if (step.kind === 'crash') await driver.crash({ state: step.state, writes: 'keep' })
      }
      driver.commit()
      const mods = driver.table('by-mod')
      for (const [mod, count] of recount(driver, steps).mods) expect(mods.get(mod)).toBeGreaterThanOrEqual(count)
    }),
    { numRuns: 100 },
  )
})
