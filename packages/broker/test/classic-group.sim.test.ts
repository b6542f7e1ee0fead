import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GroupBench, rebalanceMs, sessionMs } from './group-bench.ts'
import { GroupClient, partitions } from './group-client.ts'

type Step =
  | { readonly kind: 'start'; readonly isStatic: boolean }
  | { readonly kind: 'crash' | 'leave' | 'resubscribe' | 'restart'; readonly which: number }
  | { readonly kind: 'pass'; readonly seconds: number }

const which = fc.nat({ max: 7 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('start'), isStatic: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('crash', 'leave', 'resubscribe', 'restart'), which }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass'), seconds: fc.integer({ min: 1, max: 70 }) }) },
)

/** A group and its clients: those at work take a turn each second, those that crashed never again. */
class History {
  readonly bench: GroupBench
  readonly alive: GroupClient[] = []
  #instances = 0
  #versions = 0

  constructor(initialRebalanceDelayMs: number) {
    this.bench = new GroupBench({ initialRebalanceDelayMs })
  }

  apply(step: Step): void {
    if (step.kind === 'start') {
      if (this.alive.length < 8)
        this.alive.push(new GroupClient(this.bench, step.isStatic ? `i${++this.#instances}` : null))
    } else if (step.kind === 'pass') {
      this.pass(step.seconds)
      return
    } else this.#disturb(step.kind, step.which)
    this.turn()
  }

  pass(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.bench.pass(1000)
      this.turn()
    }
  }

  turn(): void {
    for (const client of this.alive) client.turn()
    this.#checkOwners()
  }

  #disturb(kind: 'crash' | 'leave' | 'resubscribe' | 'restart', which: number): void {
    const at = this.alive.length === 0 ? -1 : which % this.alive.length
    const client = this.alive[at]
    if (client === undefined) return
    if (kind === 'resubscribe') {
      client.resubscribe(++this.#versions)
      return
    }
    if (kind === 'leave') client.leave()
    if (kind === 'restart' && client.instanceId !== null)
      this.alive.splice(at, 1, new GroupClient(this.bench, client.instanceId))
    else this.alive.splice(at, 1)
  }

  /** Whoever may commit for the present generation owns what nobody else owns. */
  #checkOwners(): void {
    const owners = new Map<string, string>()
    for (const client of this.alive) {
      if (client.generation !== this.bench.group.generation) continue
      for (const partition of client.owned) {
        const other = owners.get(partition)
        if (other !== undefined) throw new Error(`partition ${partition} belongs to ${other} and to ${client.memberId}`)
        owners.set(partition, client.memberId)
      }
    }
  }
}

test('no partition has two owners, nobody who reports is lost, and everybody settles', () => {
  const histories = fc.tuple(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 3000))
  fc.assert(
    fc.property(histories, ([steps, initialDelayMs]) => {
      const history = new History(initialDelayMs)
      for (const each of steps) history.apply(each)
      // Crashed members lapse, the rebalance that follows ends.
      history.pass((sessionMs + 2 * rebalanceMs) / 1000)
      const { group } = history.bench
      expect(group.state).toBe(history.alive.length === 0 ? 'Empty' : 'Stable')
      expect([...group.membership.members.keys()].sort()).toEqual(history.alive.map(({ memberId }) => memberId).sort())
      expect(history.alive.every(({ settled }) => settled)).toBe(true)
      const owned = history.alive.flatMap((client) => client.owned).sort()
      expect(owned).toEqual(history.alive.length === 0 ? [] : partitions)
      // Everybody left, nothing is due: no timer would fire for ever.
      for (const client of history.alive) client.leave()
      history.bench.pass(rebalanceMs)
      expect(group.deadlineMs).toBe(Number.POSITIVE_INFINITY)
      expect(history.bench.memory.bytes).toBe(0)
    }),
    { numRuns: 300 },
  )
})
