import { errorCodeOf } from '@millrace/kernel'
import type { Partially, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokerBench, batchOf, valuesOf } from './broker-bench.ts'

type Answer = ResponseOf<'fetch'>
const code = ({ errorCode }: Answer) => errorCodeOf(errorCode)
const rowsOf = ({ responses }: Answer) => responses.flatMap(({ partitions }) => partitions)

/** Asks for partitions of topic `t` by their positions. */
function ask(bench: BrokerBench, positions: readonly [number, number][], rest: Partially<RequestOf<'fetch'>> = {}) {
  const partitions = positions.map(([partition, fetchOffset]) => ({
    partition,
    fetchOffset,
    partitionMaxBytes: 1 << 20,
  }))
  return bench.fetch('t', 0, { topics: [{ topic: 't', partitions }], sessionEpoch: 0, ...rest })
}

const nothing = { topics: [] }
const forget = (...partitions: number[]) => ({ forgottenTopicsData: [{ topic: 't', partitions }] })

async function benchWith(partitions: number, settings = {}): Promise<BrokerBench> {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('t', partitions)
  return bench
}

describe('a fetch session', () => {
  test('answers in full once, then with what is news', async () => {
    const bench = await benchWith(3)
    const first = await ask(bench, [
      [0, 0],
      [1, 0],
      [2, 0],
    ])
    const { sessionId } = first
    expect(sessionId).toBeGreaterThan(0)
    expect(rowsOf(first)).toHaveLength(3)
    expect(rowsOf(await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 1 }))).toEqual([])
    await bench.produce('t', batchOf(['a']), { index: 1 })
    const second = await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 2 })
    expect(second.sessionId).toBe(sessionId)
    expect(rowsOf(second).map(({ partitionIndex }) => partitionIndex)).toEqual([1])
    expect(valuesOf(rowsOf(second)[0]?.records)).toEqual(['a'])
    // Asked for again from the same place: data is news each time.
    const third = await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 3 })
    expect(valuesOf(rowsOf(third)[0]?.records)).toEqual(['a'])
    const moved = await ask(bench, [[1, 1]], { sessionId, sessionEpoch: 4 })
    expect(rowsOf(moved)).toEqual([])
  })

  test('forgets what is named as forgotten, and ends when nothing is left', async () => {
    const bench = await benchWith(2)
    const { sessionId } = await ask(bench, [
      [0, 0],
      [1, 0],
    ])
    await bench.produce('t', batchOf(['a']), { index: 0 })
    await bench.produce('t', batchOf(['b']), { index: 1 })
    const second = await bench.fetch('t', 0, { ...nothing, ...forget(0), sessionId, sessionEpoch: 1 })
    expect(rowsOf(second).map(({ partitionIndex }) => partitionIndex)).toEqual([1])
    const last = await bench.fetch('t', 0, { ...nothing, ...forget(1), sessionId, sessionEpoch: 2 })
    expect(last).toMatchObject({ sessionId: 0, responses: [] })
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 3 }))).toBe(
      'FETCH_SESSION_ID_NOT_FOUND',
    )
  })

  test('is refused under a wrong id, epoch or principal, and closed by a full fetch that names it', async () => {
    const bench = await benchWith(1)
    const { sessionId } = await ask(bench, [[0, 0]])
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 2 }))).toBe(
      'INVALID_FETCH_SESSION_EPOCH',
    )
    const other = sessionId === 1 ? 2 : sessionId - 1
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId: other, sessionEpoch: 1 }))).toBe(
      'FETCH_SESSION_ID_NOT_FOUND',
    )
    const renewed = await ask(bench, [[0, 0]], { sessionId, sessionEpoch: 0 })
    expect(renewed.sessionId).not.toBe(sessionId)
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 1 }))).toBe(
      'FETCH_SESSION_ID_NOT_FOUND',
    )
    const closed = await ask(bench, [[0, 0]], { sessionId: renewed.sessionId, sessionEpoch: -1 })
    expect(closed.sessionId).toBe(0)
  })

  test('tells an error each time, and what follows it', async () => {
    const bench = await benchWith(1)
    await bench.produce('t', batchOf(['a']))
    const first = await ask(bench, [[0, 9]])
    expect(rowsOf(first).map(({ errorCode }) => errorCodeOf(errorCode))).toEqual(['OFFSET_OUT_OF_RANGE'])
    const { sessionId } = first
    const again = await bench.fetch('t', 0, { ...nothing, sessionId, sessionEpoch: 1 })
    expect(rowsOf(again).map(({ errorCode }) => errorCodeOf(errorCode))).toEqual(['OFFSET_OUT_OF_RANGE'])
    const over = await ask(bench, [[0, 1]], { sessionId, sessionEpoch: 2 })
    expect(rowsOf(over)).toMatchObject([{ errorCode: 0, highWatermark: 1 }])
  })

  test('has a bound: a larger reader takes the place of a smaller one that has had its time', async () => {
    const bench = await benchWith(3, { 'max.incremental.fetch.session.cache.slots': 2 })
    const small = await ask(bench, [[0, 0]])
    const large = await ask(bench, [
      [0, 0],
      [1, 0],
      [2, 0],
    ])
    expect(
      (
        await ask(bench, [
          [0, 0],
          [1, 0],
        ])
      ).sessionId,
    ).toBe(0)
    await bench.clock.advance(120_001)
    await bench.fetch('t', 0, { ...nothing, sessionId: small.sessionId, sessionEpoch: 1 })
    await bench.fetch('t', 0, { ...nothing, sessionId: large.sessionId, sessionEpoch: 1 })
    expect((await ask(bench, [[0, 0]])).sessionId).toBe(0)
    const middle = await ask(bench, [
      [0, 0],
      [1, 0],
    ])
    expect(middle.sessionId).toBeGreaterThan(0)
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId: small.sessionId, sessionEpoch: 2 }))).toBe(
      'FETCH_SESSION_ID_NOT_FOUND',
    )
    expect(code(await bench.fetch('t', 0, { ...nothing, sessionId: large.sessionId, sessionEpoch: 2 }))).toBe('NONE')
    await bench.clock.advance(120_001)
    await ask(bench, [[2, 0]])
    expect(bench.metrics.snapshot().get('millrace_broker_fetch_sessions_evicted_total')).toBe(2)
  })

  test('does not keep what would take too much memory, be it named at once or little by little', async () => {
    const bench = await benchWith(1, { 'max.incremental.fetch.session.cache.slots': 2 })
    const partitions = Array.from({ length: 130_000 }, (_, partition) => ({ partition }))
    const large = { topics: [{ topic: 'none', partitions }] }
    expect((await ask(bench, [], { ...large, sessionEpoch: 0 })).sessionId).toBe(0)
    const { sessionId } = await ask(bench, [[0, 0]])
    expect(code(await ask(bench, [], { ...large, sessionId, sessionEpoch: 1 }))).toBe('FETCH_SESSION_ID_NOT_FOUND')
    expect((await ask(bench, [[0, 0]])).sessionId).toBeGreaterThan(0)
    expect((await ask(bench, [[0, 0]])).sessionId).toBeGreaterThan(0)
  })

  test('shows a reader the same as fetches outside it, whatever it asks for', async () => {
    const step = fc.record({
      produce: fc.subarray([0, 1, 2, 3]),
      want: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
      maxBytes: fc.constantFrom(1, 100, 1 << 20),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const bench = await benchWith(4)
        const reader = new SessionReader(bench)
        let next = 0
        const written: string[][] = [[], [], [], []]
        for (const { produce, want, maxBytes } of steps) {
          for (const index of produce) {
            written[index]!.push(`${next}`)
            await bench.produce('t', batchOf([`${next++}`]), { index })
          }
          await reader.fetch(want, maxBytes)
        }
        for (let i = 0; i < next + 4; i++) await reader.fetch([0, 1, 2, 3], 1)
        expect(reader.values).toEqual(written)
        expect(reader.ends).toEqual(written.map((values) => values.length))
      }),
      { numRuns: 30 },
    )
  })
})

/** A reader that names only what has changed since its last request, in one session throughout. */
class SessionReader {
  readonly values: string[][] = [[], [], [], []]
  readonly ends = [0, 0, 0, 0]
  readonly #bench: BrokerBench
  readonly #positions = [0, 0, 0, 0]
  #session = { sessionId: 0, sessionEpoch: 0 }
  #known = new Map<number, number>()

  constructor(bench: BrokerBench) {
    this.#bench = bench
  }

  async fetch(want: readonly number[], maxBytes: number): Promise<void> {
    const named = want.filter((p) => this.#known.get(p) !== this.#positions[p])
    const gone = [...this.#known.keys()].filter((p) => !want.includes(p))
    const asked = named.map((p): [number, number] => [p, this.#positions[p]!])
    const rest = { ...this.#session, maxBytes, ...(gone.length === 0 ? {} : forget(...gone)) }
    const answer = await ask(this.#bench, asked, rest)
    expect(code(answer)).toBe('NONE')
    this.#known = new Map(want.map((p) => [p, this.#positions[p]!]))
    this.#session = { sessionId: answer.sessionId, sessionEpoch: this.#session.sessionEpoch + 1 }
    for (const row of rowsOf(answer)) {
      expect(want).toContain(row.partitionIndex)
      const values = valuesOf(row.records)
      this.values[row.partitionIndex]!.push(...values)
      this.#positions[row.partitionIndex]! += values.length
      this.ends[row.partitionIndex] = row.highWatermark
    }
  }
}
