import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryMetrics, nodeClock, nodeLog, nodePorts, nodeRandom } from '../src/node/index.ts'
import { SimClock, SimRandom } from '../src/sim/index.ts'

test('simulated timers fire by instant, then in the order in which they were set', async () => {
  const delays = fc.array(fc.nat(20), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(delays, fc.array(fc.nat(9), { maxLength: 6 }), async (waits, advances) => {
      const clock = new SimClock(1000)
      const fired: string[] = []
      for (const [i, ms] of waits.entries()) clock.after(ms, () => fired.push(`${clock.nowMs() - 1000}:${i}`))
      let end = 0
      for (const ms of advances) {
        await clock.advance(ms)
        end += ms
      }
      const due = waits.map((ms, i) => ({ ms, i })).filter(({ ms }) => ms <= end && advances.length > 0)
      due.sort((a, b) => a.ms - b.ms || a.i - b.i)
      expect(fired).toEqual(due.map(({ ms, i }) => `${ms}:${i}`))
      expect(clock.nowMs()).toBe(1000 + end)
      expect(clock.pendingTimers).toBe(waits.length - due.length)
    }),
    { numRuns: 50 },
  )
})

test('promises settle between two simulated timers, and timers set on the way fire too', async () => {
  const clock = new SimClock()
  const seen: string[] = []
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10)
      seen.push(`loop ${clock.monotonicMs()}`)
    }
  }
  const done = loop()
  clock.after(20, () => seen.push('timer 20'))
  await clock.advance(30)
  await done
  expect(seen).toEqual(['loop 10', 'timer 20', 'loop 20', 'loop 30'])
})

test('the simulated wall clock steps, durations do not', () => {
  const clock = new SimClock(500)
  let fired = 0
  const timer = clock.after(10, () => fired++)
  clock.stepWallClock(-400)
  clock.advanceSync(9)
  expect([clock.nowMs(), clock.monotonicMs(), fired]).toEqual([109, 9, 0])
  timer.cancel()
  timer.cancel()
  clock.advanceSync(9)
  expect([fired, clock.pendingTimers]).toEqual([0, 0])
})

test.each([
  ['simulated', () => new SimClock()],
  ['real', () => nodeClock()],
] as const)('%s: a sleep ends at once when its signal fires', async (_name, make) => {
  const clock = make()
  const controller = new AbortController()
  const slept = clock.sleep(1e12, controller.signal)
  controller.abort(new Error('enough'))
  await expect(slept).rejects.toThrow('enough')
  await expect(clock.sleep(1e12, controller.signal)).rejects.toThrow('enough')
})

test('real: timers fire, cancelled ones do not, and time does not step back', async () => {
  const clock = nodeClock()
  const fired: string[] = []
  const before = clock.monotonicMs()
  clock.after(5, () => fired.push('cancelled')).cancel()
  clock.after(2 ** 40, () => fired.push('in a generation'), 'background').cancel()
  clock.after(1, () => fired.push('fired'))
  await clock.sleep(20)
  await clock.turn()
  expect(fired).toEqual(['fired'])
  expect(clock.monotonicMs()).toBeGreaterThan(before)
})

test('the same seed gives the same numbers; they are spread', () => {
  const [a, b, c] = [new SimRandom(7), new SimRandom(7), new SimRandom(8)]
  const take = (random: SimRandom) => Array.from({ length: 2000 }, () => random.integer(10))
  const first = take(a)
  expect(take(b)).toEqual(first)
  expect(take(c)).not.toEqual(first)
  for (let digit = 0; digit < 10; digit++) expect(first.filter((n) => n === digit).length).toBeGreaterThan(120)
  expect(a.uuid()).toBe(b.uuid())
})

test.each([
  ['real', nodeRandom()],
  ['simulated', new SimRandom(1)],
] as const)('%s: a UUID is 22 URL-safe characters, version 4, and never looks like an option', (_name, random) => {
  for (let i = 0; i < 2000; i++) {
    const uuid = random.uuid()
    expect(uuid).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
    const bytes = Buffer.from(uuid, 'base64url')
    expect([bytes.length, bytes[6]! >> 4, bytes[8]! >> 6]).toEqual([16, 4, 2])
  }
})

test('metrics: the same name and labels are the same measure', () => {
  const metrics = memoryMetrics()
  metrics.counter('read_total', 'records read', { topic: 'a', partition: '0' }).add(5)
  metrics.counter('read_total', 'records read', { partition: '0', topic: 'a' }).add()
  metrics.gauge('lag', 'records behind').set(-3)
  const seconds = metrics.histogram('commit_seconds', 'time of a commit', { task: '0' }, [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
  expect(Object.fromEntries(metrics.snapshot())).toEqual({
    'read_total{partition="0",topic="a"}': 6,
    lag: -3,
    'commit_seconds_bucket{task="0",le="0.1"}': 2,
    'commit_seconds_bucket{task="0",le="1"}': 3,
    'commit_seconds_bucket{task="0",le="+Inf"}': 4,
    'commit_seconds_sum{task="0"}': 7.65,
    'commit_seconds_count{task="0"}': 4,
  })
  expect(() => metrics.gauge('read_total', '')).toThrow('read_total is a counter')
})

test('the log writes lines at its level, whatever it is given', () => {
  const lines: string[] = []
  const log = nodeLog({ level: 'info', format: 'json', write: (line) => lines.push(line) })
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  log.debug('not this')
  log.child({ topic: 'a' }).warn('two\nlines', { big: 5n, error: new Error('why'), circular, f: circular.valueOf })
  log.error('plain')
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1)
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'warn',
    message: 'two\nlines',
    topic: 'a',
    big: '5',
    error: 'why',
  })
  const text = nodeLog({ level: 'debug', format: 'text', write: (line) => lines.push(line) })
  text.debug('hello', { n: 1 })
  expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} debug hello n=1\n$/)
  // @ts-expect-error a level there is none of, as a configuration file may have it
  expect(() => nodeLog({ level: 'warm' })).toThrow('Write warn')
})

test('nodePorts takes what it is given and makes the rest', () => {
  const clock = new SimClock(5)
  const ports = nodePorts({ clock })
  expect(ports.clock).toBe(clock)
  expect(ports.disk.exists('/')).toBe(true)
  expect(Object.keys(ports).sort()).toEqual(['clock', 'disk', 'log', 'metrics', 'net', 'random', 'threads'])
})
