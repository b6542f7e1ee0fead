import { type Log, MillraceError } from '@millrace/kernel'
import {
  audit,
  bufferCount,
  bufferTime,
  combineLatestWith,
  debounce,
  distinct,
  distinctUntilChanged,
  elementAt,
  every,
  exhaustMap,
  filter,
  find,
  groupBy,
  isEmpty,
  last,
  map,
  mergeMap,
  mergeScan,
  NEVER,
  Observable,
  type OperatorFunction,
  of,
  pairwise,
  sample,
  scan,
  share,
  skipUntil,
  skipWhile,
  switchMap,
  switchScan,
  take,
  takeLast,
  takeUntil,
  takeWhile,
  tap,
  throttle,
  timeout,
  toArray,
  windowCount,
  withLatestFrom,
  zipWith,
} from 'rxjs'

/** An operator that keeps something between records, and what to use in its place. */
interface Reference {
  readonly name: string
  readonly operator: OperatorFunction<number, unknown>
  readonly verdict: 'refuse' | 'warn'
  readonly instead: string
}

const aggregate = 'use .groupByKey().aggregate(…), which is kept per key and survives a restart'
const table = 'use .toTable({ store }) or .groupByKey().reduce(…), which are kept per key and survive a restart'
const windows = 'use .groupByKey().windowedBy(…), which goes by event time and survives a restart'
const never = 'a stream does not end, so it would end the task or never emit; use filter'

const references: readonly Reference[] = [
  warn(
    'scan',
    scan((sum: number, x: number) => sum + x),
    aggregate,
  ),
  warn('distinct', distinct(), table),
  warn('distinctUntilChanged', distinctUntilChanged(), table),
  warn('pairwise', pairwise(), aggregate),
  warn('bufferCount', bufferCount(2), aggregate),
  warn('windowCount', windowCount(2), windows),
  warn(
    'groupBy',
    groupBy((x) => x),
    'use .groupBy(…) of the stream',
  ),
  warn(
    'skipWhile',
    skipWhile((x) => x < 0),
    'use filter',
  ),
  warn('skipUntil', skipUntil(NEVER), 'use filter'),
  warn('share', share(), 'a stream can be used twice as it is'),
  warn(
    'mergeScan',
    mergeScan((sum, x) => of(sum + x), 0),
    aggregate,
  ),
  warn(
    'switchScan',
    switchScan((sum, x) => of(sum + x), 0),
    aggregate,
  ),
  warn('zipWith', zipWith(NEVER), 'use .join(table, …)'),
  warn('combineLatestWith', combineLatestWith(NEVER), 'use .join(table, …)'),
  warn('withLatestFrom', withLatestFrom(NEVER), 'use .join(table, …)'),
  refuse('take', take(1), never),
  refuse(
    'takeWhile',
    takeWhile((x) => x > 0),
    never,
  ),
  refuse('takeUntil', takeUntil(NEVER), never),
  refuse('takeLast', takeLast(1), never),
  refuse('last', last(), never),
  refuse('first (or elementAt)', elementAt(0), never),
  refuse(
    'find',
    find((x) => x > 0),
    never,
  ),
  refuse(
    'every',
    every((x) => x > 0),
    never,
  ),
  refuse('isEmpty', isEmpty(), never),
  refuse('toArray', toArray(), aggregate),
  refuse(
    'debounce',
    debounce(() => NEVER),
    windows,
  ),
  refuse(
    'audit',
    audit(() => NEVER),
    windows,
  ),
  refuse('sample', sample(NEVER), windows),
  refuse(
    'throttle',
    throttle(() => NEVER),
    windows,
  ),
  refuse('bufferTime', bufferTime(1_000_000_000), windows),
  refuse('timeout', timeout({ each: 1_000_000_000 }), 'a task has no clock of its own'),
]

/** Steps that keep nothing; what their chains pass through tells nothing. */
const stateless: readonly OperatorFunction<number, unknown>[] = [
  map((x) => x),
  filter(() => true),
  tap(() => {}),
  mergeMap((x) => [x]),
  switchMap((x) => [x]),
  exhaustMap((x) => [x]),
]

interface Fingerprint extends Reference {
  readonly sites: readonly string[]
}

let known: readonly Fingerprint[] | undefined

/**
 * Recognises operators of RxJS that hide state. They carry no name, but the stack of their source's subscribe function
 * passes through their own code; those places are compared with the places that our own `scan()`, `take()` … pass
 * through. It works in bundles, minified ones too, as long as the program's rxjs is ours. A hand-written operator
 * cannot be seen.
 */
export class HiddenState {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** @throws BAD_OPERATOR for one that cannot work in a task; warns about one whose state is lost at a restart. */
  check(sites: ReadonlySet<string>, where: string): void {
    known ??= fingerprints()
    let found: Fingerprint | undefined
    for (const candidate of known) {
      if (found !== undefined && candidate.sites.length <= found.sites.length) continue
      if (candidate.sites.every((site) => sites.has(site))) found = candidate
    }
    if (found === undefined) return
    if (found.verdict === 'refuse') {
      throw new MillraceError('BAD_OPERATOR', `${found.name} has no place in a task`, {
        place: where,
        fix: `${capital(found.instead)}.`,
      })
    }
    // scan, reduce, count, min and max are one piece of code, and cannot be told apart.
    const name = found.name === 'scan' ? 'scan (or reduce, count, min, max)' : found.name
    this.#log.warn(`${name} keeps state in memory, shared by all keys and lost at restart: ${found.instead}`, {
      operator: where,
    })
  }
}

/** The places in code that lead to the caller, which is a source's subscribe function. */
export function subscribeSites(): ReadonlySet<string> {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 50
  const stack = new Error().stack ?? ''
  Error.stackTraceLimit = before
  const sites = new Set<string>()
  for (const line of stack.split('\n').slice(2)) {
    const site = /\(?([^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1]
    if (site !== undefined) sites.add(site)
  }
  return sites
}

function fingerprints(): Fingerprint[] {
  // All in one call: the places on the way to it are then the same for all, and fall out.
  const probed = [...stateless, ...references.map(({ operator }) => operator)].map(probe)
  const common = new Set(probed.slice(0, stateless.length).flatMap((sites) => [...sites]))
  return references.flatMap((reference, i) => {
    const sites = [...probed[stateless.length + i]!].filter((site) => !common.has(site))
    return sites.length === 0 ? [] : [{ ...reference, sites }]
  })
}

function probe(operator: OperatorFunction<number, unknown>): ReadonlySet<string> {
  let sites: ReadonlySet<string> = new Set()
  const source = new Observable<number>(() => {
    sites = subscribeSites()
  })
  operator(source)
    .subscribe({ next() {}, error() {} })
    .unsubscribe()
  return sites
}

function warn(name: string, operator: OperatorFunction<number, unknown>, instead: string): Reference {
  return { name, operator, verdict: 'warn', instead }
}

function refuse(name: string, operator: OperatorFunction<number, unknown>, instead: string): Reference {
  return { name, operator, verdict: 'refuse', instead }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
