import { expect, test, vi } from 'vitest'
import type { Moment, Victim } from '../src/commit-steps/commit-steps.ts'
import { ConnectHistory } from '../src/commit-steps/connect-history.ts'

// Seconds by themselves; beside others on a small machine much more.
vi.setConfig({ testTimeout: 240_000 })

const victims: readonly Victim[] = ['instance', 'broker', 'network']
const moments: readonly Moment[] = ['before', 'after']
const one = victims.flatMap((victim) => moments.map((moment) => ({ victim, moment })))

/** Requests of source and sink, and what the sink does to its file and to the positions beside it. */
const steps = [
  ...['initProducerId', 'produce', 'endTxn', 'offsetCommit'],
  ...['write', 'truncate', 'sync', 'rename', 'sync of a directory'],
]

test.each(one)(
  'a line is copied once when the $victim goes, $moment a step of a commit',
  async ({ victim, moment }) => {
    const struck = new Set<string>()
    for (let step = 0; ; step++) {
      const { met, fallen, written, lines } = await ConnectHistory.run(2, { at: [step], victims: [victim], moment })
      expect(lines, `the ${victim}, ${moment} step ${step} of ${met.join(', ')}`).toEqual(written)
      // What follows the first commit of the sink is the same again.
      if (fallen === 0 || met.slice(0, step).includes('offsetCommit')) break
      struck.add(met[step] ?? '')
    }
    expect(struck.size).toBeGreaterThan(0)
    for (const name of struck) expect(steps).toContain(name)
  },
)
