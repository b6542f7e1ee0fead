import { describe, expect, test, vi } from 'vitest'
import type { Moment, Victim } from '../src/commit-steps/commit-steps.ts'
import { expected, StreamsHistory } from '../src/commit-steps/streams-history.ts'

// Seconds by themselves; beside others on a small machine much more.
vi.setConfig({ testTimeout: 240_000 })

const victims: readonly Victim[] = ['instance', 'broker', 'network']
const moments: readonly Moment[] = ['before', 'after']
const one = victims.flatMap((victim) => moments.map((moment) => ({ victim, moment })))

/** What a commit asks of the cluster, by the version of transactions. */
const asked: Readonly<Record<number, readonly string[]>> = {
  1: ['initProducerId', 'addPartitionsToTxn', 'produce', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn'],
  2: ['initProducerId', 'produce', 'txnOffsetCommit', 'endTxn'],
}

/** The commit of the input, and that of what came of it behind the repartition: those after them are the same again. */
const commits = 2

/** Step by step until both are past. Which steps met the blow. */
async function everyStep(version: number, victim: Victim, moment: Moment): Promise<ReadonlySet<string>> {
  const struck = new Set<string>()
  for (let step = 0; ; step++) {
    const { met, fallen, results } = await StreamsHistory.run(version, { at: [step], victims: [victim], moment })
    expect(results, `the ${victim}, ${moment} step ${step} of ${met.join(', ')}`).toEqual(expected(results.written))
    const ended = met.slice(0, step).filter((name) => name === 'endTxn').length
    if (fallen === 0 || (ended >= commits && met[step] !== 'flush of stores')) return struck
    struck.add(met[step] ?? '')
  }
}

describe.each([2, 1])('transactions of version %i', (version) => {
  test.each(one)('each result is applied once when the $victim goes, $moment a step of a commit', async (blow) => {
    const struck = await everyStep(version, blow.victim, blow.moment)
    // Which step comes where is not the same each time: one kind may have been passed by.
    expect(struck.size).toBeGreaterThan(1)
    for (const name of struck) expect([...(asked[version] ?? []), 'flush of stores']).toContain(name)
  })
})

test.each(moments)(
  'each result is applied once when instance and broker go in turn, again and again, %s a step',
  async (moment) => {
    for (let first = 0; first < 12; first++) {
      const at = [0, 1, 2, 3].map((blow) => first + 9 * blow)
      const { met, fallen, results } = await StreamsHistory.run(2, { at, victims: ['instance', 'broker'], moment })
      expect(results, `${fallen} blows, the first at step ${first} of ${met.join(', ')}`).toEqual(
        expected(results.written),
      )
      expect(fallen).toBeGreaterThan(0)
    }
  },
)
