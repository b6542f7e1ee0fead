import { codeOf, type Log, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock } from '@millrace/kernel/sim'
import { memoryEngine } from '@millrace/store'
import { defineTopology, json, string, type Topology, topic } from '@millrace/streams'
import { planTopology, StreamTask } from '@millrace/streams/internal'
import { topologyDriver } from '@millrace/testkit'
import * as rx from 'rxjs'
import { describe, expect, test } from 'vitest'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<unknown>() })

type Operator = rx.OperatorFunction<number, unknown>

function piped(operator: Operator, errors: object = { processing: 'skip' }): Topology {
  return defineTopology('app', ({ stream }) => stream(numbers).pipe(operator).to(out), { errors })
}

const boom = new Error('boom')
const failAt = (bad: number) => (x: number) => {
  if (x === bad) throw boom
  return x
}

/** What comes out of 0 1 2 3, each with a key of its own. */
async function survivors(operator: Operator): Promise<{ rows: unknown[]; failed: number }> {
  await using driver = topologyDriver(piped(operator))
  driver.in(
    numbers,
    [0, 1, 2, 3].map((value) => ({ key: `k${value}`, value, timestampMs: value })),
  )
  const rows = driver.out(out).map(({ key, value }) => `${key}:${String(value)}`)
  return { rows, failed: driver.dropped.get('processing') ?? 0 }
}

describe('one bad record costs one record', () => {
  const cases: readonly (readonly [string, Operator])[] = [
    ['map', rx.map(failAt(1))],
    ['filter', rx.filter((x) => failAt(1)(x) >= 0)],
    ['tap', rx.tap(failAt(1))],
    ['switchMap', rx.switchMap((x) => [failAt(1)(x)])],
    ['mergeMap', rx.mergeMap((x) => [failAt(1)(x)])],
    ['mergeMap whose inner fails', rx.mergeMap((x) => (x === 1 ? rx.throwError(() => boom) : [x]))],
    ['concatMap', rx.concatMap((x) => [failAt(1)(x)])],
    ['concatMap whose inner fails', rx.concatMap((x) => (x === 1 ? rx.throwError(() => boom) : [x]))],
    ['exhaustMap', rx.exhaustMap((x) => [failAt(1)(x)])],
    [
      'a composed operator',
      (source) =>
        source.pipe(
          rx.map((x: number) => x),
          rx.concatMap((x) => [failAt(1)(x)]),
        ),
    ],
  ]
  test.each(cases)('%s', async (_name, operator) => {
    expect(await survivors(operator)).toEqual({ rows: ['k0:0', 'k2:2', 'k3:3'], failed: 1 })
  })

  test('in the middle of a burst nothing but that value is lost', async () => {
    const topology = defineTopology(
      'app',
      ({ stream }) => {
        stream(numbers)
          .pipe(
            rx.mergeMap((x) => [x, x + 1, x + 2]),
            rx.concatMap((x) => [failAt(1)(x)]),
            rx.map((x) => x * 10),
          )
          .to(out)
      },
      { errors: { processing: 'skip' } },
    )
    await using driver = topologyDriver(topology)
    driver.in(
      numbers,
      [0, 5].map((value) => ({ key: 'k', value })),
    )
    expect(driver.out(out).map(({ value }) => value)).toEqual([0, 20, 50, 60, 70])
  })

  test('a throw below the operators is not theirs', async () => {
    const topology = defineTopology(
      'app',
      ({ stream }) => {
        stream(numbers)
          .pipe(rx.mergeMap((x) => [x, x]))
          .mapValues(failAt(1))
          .to(out)
      },
      { errors: { processing: 'skip' } },
    )
    await using driver = topologyDriver(topology)
    driver.in(
      numbers,
      [0, 1, 2].map((value) => ({ key: 'k', value })),
    )
    expect(driver.out(out).map(({ value }) => value)).toEqual([0, 0, 2, 2])
    const labels = [...driver.metrics.snapshot().keys()].filter((name) => name.includes('dropped'))
    expect(labels).toHaveLength(1)
    expect(labels[0]).toContain('node="numbers.pipe.mapValues"')
  })

  test('the error names node, operator and record', async () => {
    await using driver = topologyDriver(piped(rx.map(failAt(1)), {}))
    expect(() => driver.in(numbers, { key: 'k', value: 1 })).toThrow(
      /numbers\.pipe \(operator 1 of 1\), numbers-0@0: .*boom/,
    )
  })
})

describe('operators that emit later, fail later, end, or do not begin', () => {
  const soon = () => new Promise((resolve) => setImmediate(resolve))

  async function complaint(operator: Operator): Promise<unknown> {
    try {
      await using driver = topologyDriver(piped(operator))
      driver.in(numbers, { key: 'k', value: 1 })
      await soon()
      await soon()
      driver.in(numbers, { key: 'k', value: 2 })
      return undefined
    } catch (error) {
      return error
    }
  }

  const late: readonly (readonly [string, RegExp, Operator])[] = [
    ['mergeMap(promise)', /emitted outside a push/, rx.mergeMap(async (x) => x)],
    ['switchMap(promise)', /emitted outside a push/, rx.switchMap(async (x) => x)],
    ['observeOn(asap)', /emitted outside a push/, rx.observeOn(rx.asapScheduler)],
    ['delayWhen(microtask)', /emitted outside a push/, rx.delayWhen(() => rx.from(Promise.resolve(0)))],
    ['a promise that rejects', /failed outside a push/, rx.mergeMap(async () => Promise.reject(boom))],
    ['subscribeOn', /did not subscribe to its source at once/, rx.subscribeOn(rx.asapScheduler)],
    ['startWith', /emitted outside a push/, rx.startWith(0)],
    ['a completing hand-written operator', /completed: a stream does not end/, completing],
  ]

  function completing(source: rx.Observable<number>): rx.Observable<number> {
    return new rx.Observable((subscriber) =>
      source.subscribe((value) => {
        subscriber.next(value)
        subscriber.complete()
      }),
    )
  }

  test.each(late)('%s', async (_name, message, operator) => {
    const error = await complaint(operator)
    expect(codeOf(error)).toBe('BAD_OPERATOR')
    expect(String(error)).toMatch(message)
    expect(String(error)).toMatch(/numbers\.pipe \(operator 1 of 1\)/)
  })

  test.each<readonly [string, Operator]>([
    ['observeOn(queue)', rx.observeOn(rx.queueScheduler)],
    ['concatMap(of)', rx.concatMap((x) => rx.of(x))],
    ['mergeMap of an array', rx.mergeMap((x) => [x])],
  ])('synchronous ones work: %s', async (_name, operator) => {
    expect((await survivors(operator)).rows).toEqual(['k0:0', 'k1:1', 'k2:2', 'k3:3'])
  })

  test('a subject shared by two tasks emits into the wrong one, and that is seen', async () => {
    const subject = new rx.Subject<number>()
    let taps = 0
    const shared: Operator = (source) => rx.merge(source.pipe(rx.tap((x) => taps++ < 1 && subject.next(x))), subject)
    await using driver = topologyDriver(piped(shared), { partitions: 2 })
    expect(() => {
      driver.in(numbers, { key: 'k', value: 1, partition: 0 })
      driver.in(numbers, { key: 'k', value: 1, partition: 1 })
    }).toThrow(/emitted outside a push/)
  })
})

describe('operators that hide state', () => {
  function warningsOf(operator: Operator): string[] {
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) }
    const plan = planTopology(piped(operator))
    const task = new StreamTask({
      plan,
      subtopology: 0,
      partition: 0,
      environment: memoryEngine().open('x'),
      collector: { full: false, handle: (name) => ({ topic: name, partitions: 1 }), append() {} },
      clock: new SimClock(),
      metrics: memoryMetrics(),
      log,
    })
    task.close()
    return warnings
  }

  test.each<readonly [string, RegExp, Operator]>([
    ['scan', /^scan .*aggregate/, rx.scan((a: number, b: number) => a + b)],
    ['count', /^scan \(or reduce, count/, rx.count()],
    ['distinct', /^distinct keeps/, rx.distinct()],
    ['distinctUntilChanged', /^distinctUntilChanged keeps/, rx.distinctUntilChanged()],
    ['pairwise', /^pairwise keeps/, rx.pairwise()],
    ['bufferCount', /^bufferCount keeps/, rx.bufferCount(3)],
    [
      'a scan inside a composed operator',
      /^scan/,
      (source) =>
        source.pipe(
          rx.map((x: number) => x),
          rx.scan((a: number, b: number) => a + b),
        ),
    ],
  ])('%s is warned about with its durable twin', (_name, message, operator) => {
    expect(warningsOf(operator)).toEqual([expect.stringMatching(message)])
  })

  test.each<readonly [string, RegExp, Operator]>([
    ['take', /take/, rx.take(3)],
    ['first', /take|first/, rx.first()],
    ['takeWhile', /takeWhile/, rx.takeWhile((x) => x < 3)],
    ['find', /find/, rx.find((x) => x > 3)],
    ['toArray', /toArray/, rx.toArray()],
    ['debounceTime', /debounce|outside/, rx.debounce(() => rx.timer(1))],
    ['throttle', /throttle/, rx.throttle(() => rx.NEVER)],
    ['sample', /sample/, rx.sample(rx.NEVER)],
  ])('%s is refused before anything starts', (_name, message, operator) => {
    let thrown: unknown
    try {
      warningsOf(operator)
    } catch (error) {
      thrown = error
    }
    expect(codeOf(thrown)).toBe('BAD_OPERATOR')
    expect(String(thrown)).toMatch(message)
    expect(String(thrown)).toMatch(/numbers\.pipe \(operator 1 of 1\)/)
  })

  test.each<readonly [string, Operator]>([
    ['map', rx.map((x) => x)],
    ['filter', rx.filter((x) => x > 0)],
    ['tap', rx.tap(() => {})],
    ['mergeMap', rx.mergeMap((x) => [x, x])],
    ['concatMap', rx.concatMap((x) => [x, x])],
    ['switchMap', rx.switchMap((x) => [x])],
    ['exhaustMap', rx.exhaustMap((x) => [x])],
    [
      'composed',
      rx.pipe(
        rx.map((x: number) => x + 1),
        rx.filter((x) => x > 1),
      ),
    ],
  ])('%s holds none', (_name, operator) => {
    expect(warningsOf(operator)).toEqual([])
  })
})
