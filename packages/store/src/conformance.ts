import { Buffer } from 'node:buffer'
import { assert, codeOf } from '@millrace/kernel'
import type { ByteStore, StoreEngine, StoreEnvironment } from './byte-store.ts'

/** Defines one test: vitest's or node:test's `test` fits. */
export type DefineTest = (name: string, run: () => Promise<void>) => void

/** What an engine's author gives the suite. */
export interface ConformanceSubject {
  readonly test: DefineTest
  /**
   * Called once for each test. Every engine it gives may be asked for the same directory again: what was flushed is
   * there.
   */
  engine(): StoreEngine
  /** A directory that does not exist yet. */
  directory(): string
  /** Puts a wrapper around a store; what holds for a store must hold under it. Default: none. */
  wrap?(store: ByteStore): ByteStore
}

/** Keys in the order of their bytes: empty, zeros, short, at and around lmdb's limits, long with a common beginning. */
const orderedKeys: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([0, 0]),
  Buffer.from([0, 255]),
  Buffer.from([1]),
  Buffer.from('a'),
  Buffer.from('a\0'),
  ...[1898, 1899, 1900, 1901, 1977, 1978, 1979, 5000].map((size) => Buffer.alloc(size, 'b')),
  Buffer.concat([Buffer.alloc(3000, 'b'), Buffer.from('c')]),
  Buffer.concat([Buffer.alloc(1900, 'b'), Buffer.from('c')]),
  Buffer.from('bc'),
  Buffer.from([0x7f]),
  Buffer.from([0x80]),
  Buffer.from([255, 255]),
].sort(Buffer.compare)

/** The contract of `ByteStore`, `StoreEnvironment` and `StoreEngine` as tests. */
export function storeConformance(subject: ConformanceSubject): void {
  const { test } = subject
  const inStore = (name: string, run: (store: ByteStore, flush: () => void) => void) => {
    test(name, async () => {
      const environment = subject.engine().open(subject.directory())
      const store = subject.wrap?.(environment.open('store')) ?? environment.open('store')
      run(store, () => environment.flush({}))
      await environment.destroy()
    })
  }

  for (const [when, settle] of phases) {
    inStore(`every key reads back what was put, ${when}`, (store, flush) => readsBack(store, () => settle(flush)))
    inStore(`a deleted key reads as undefined, ${when}`, (store, flush) => deletes(store, () => settle(flush)))
    inStore(`a range is ordered by unsigned bytes, ${when}`, (store, flush) => ranges(store, () => settle(flush)))
    inStore(`deleteRange takes its range and nothing else, ${when}`, (store, flush) => {
      deleteRanges(store, () => settle(flush))
    })
  }
  inStore('bytes given are copied, bytes got are mine until the next call', borrowing)
  inStore('a range may be read while the store is written', readWhileWritten)
  inStore('pending writes lie over what was flushed', overlaid)
  inStore('a range does not outlive a flush', outlived)
  test('a reopened environment has exactly the last flush', async () => lastFlush(subject))
  test('stores of an environment are apart, and flushed together', async () => storesApart(subject))
  test('a name is opened once, a closed environment is closed', async () => refusals(subject))
  test('a random history equals a sorted map, across crashes', async () => history(subject))
}

/** Whether what was written is still pending or flushed must make no difference. */
const phases: readonly (readonly [string, (flush: () => void) => void])[] = [
  ['pending', () => {}],
  ['flushed', (flush) => flush()],
]

function readsBack(store: ByteStore, settle: () => void): void {
  assert(store.approximateCount() === 0, 'a new store is not empty')
  orderedKeys.forEach((key, i) => {
    store.put(key, Buffer.from(`value ${i}`))
  })
  settle()
  orderedKeys.forEach((key, i) => {
    equal(store.get(key)?.toString(), `value ${i}`, shown(key))
  })
  equal(store.get(Buffer.from('never put')), undefined, 'a key never put')
  equal(store.get(Buffer.alloc(4000, 'b')), undefined, 'a long key never put')
  store.put(Buffer.from('empty value'), Buffer.alloc(0))
  store.put(Buffer.from('large value'), Buffer.alloc(300_000, 'v'))
  settle()
  equal(store.get(Buffer.from('empty value'))?.length, 0, 'an empty value')
  equal(store.get(Buffer.from('large value'))?.length, 300_000, 'a large value')
  assert(store.approximateCount() > 0, 'a store with entries counts none')
}

function deletes(store: ByteStore, settle: () => void): void {
  for (const key of orderedKeys) store.put(key, Buffer.from('v'))
  settle()
  for (const key of orderedKeys.filter((_, i) => i % 2 === 0)) store.delete(key)
  store.delete(Buffer.from('never put'))
  settle()
  orderedKeys.forEach((key, i) => {
    equal(store.get(key) === undefined, i % 2 === 0, shown(key))
  })
}

function ranges(store: ByteStore, settle: () => void): void {
  for (const key of orderedKeys.toReversed()) store.put(key, key.subarray(0, 3))
  settle()
  const bounds = [undefined, ...orderedKeys, Buffer.from('bb'), Buffer.alloc(4000, 'b')]
  for (const from of bounds) {
    for (const to of bounds) {
      const wanted = orderedKeys.filter((key) => within(key, from, to))
      const at = `${shown(from)} .. ${shown(to)}`
      equal(keysIn(store, from, to), wanted.map(shown).join(), at)
      equal(keysIn(store, from, to, 'reverse'), wanted.toReversed().map(shown).join(), `${at} reverse`)
    }
  }
  for (const { key, value } of store.range(undefined, undefined))
    assert(value.equals(key.subarray(0, 3)), 'a value is another')
}

function deleteRanges(store: ByteStore, settle: () => void): void {
  const bounds = [undefined, ...orderedKeys.filter((_, i) => i % 4 === 1)]
  for (const from of bounds) {
    for (const to of bounds) {
      for (const key of orderedKeys) store.put(key, Buffer.from('v'))
      settle()
      store.deleteRange(from, to)
      settle()
      const left = orderedKeys.filter((key) => !within(key, from, to))
      equal(keysIn(store), left.map(shown).join(), `${shown(from)} .. ${shown(to)}`)
      for (const key of orderedKeys) equal(store.get(key) === undefined, within(key, from, to), shown(key))
    }
  }
}

function borrowing(store: ByteStore, flush: () => void): void {
  const key = Buffer.from('key')
  const value = Buffer.from('value')
  store.put(key, value)
  key.fill(0)
  value.fill(0)
  for (let i = 0; i < 2; i++) {
    const got = store.get(Buffer.from('key'))
    equal(got?.toString(), 'value', 'after the caller used its buffers again')
    got?.fill(0)
    flush()
    store.put(Buffer.from('key'), Buffer.from('value'))
  }
}

function readWhileWritten(store: ByteStore, flush: () => void): void {
  for (let i = 0; i < 100; i++) store.put(Buffer.from([i]), Buffer.from([i]))
  flush()
  let seen = 0
  for (const { key } of store.range(undefined, Buffer.from([100]))) {
    equal(key[0], seen++, 'the next key')
    store.delete(Buffer.from(key))
    store.put(Buffer.from([200, key[0]!]), Buffer.alloc(0))
  }
  equal(seen, 100, 'entries seen')
}

function overlaid(store: ByteStore, flush: () => void): void {
  for (const key of ['a', 'b', 'c', 'd']) store.put(Buffer.from(key), Buffer.from('old'))
  flush()
  store.put(Buffer.from('a'), Buffer.from('new'))
  store.deleteRange(Buffer.from('b'), Buffer.from('d'))
  store.put(Buffer.from('c'), Buffer.from('again'))
  store.put(Buffer.from('bb'), Buffer.from('new'))
  for (let i = 0; i < 2; i++) {
    const entries = Array.from(store.range(undefined, undefined), ({ key, value }) => `${key}=${value}`)
    equal(entries.join(), 'a=new,bb=new,c=again,d=old', i === 0 ? 'pending' : 'flushed')
    flush()
  }
}

function outlived(store: ByteStore, flush: () => void): void {
  for (const key of ['a', 'b']) store.put(Buffer.from(key), Buffer.from('v'))
  const range = store.range(undefined, undefined)
  range.next()
  flush()
  equal(codeOf(thrown(() => range.next())), 'STATE', 'a range continued after a flush')
}

async function lastFlush(subject: ConformanceSubject): Promise<void> {
  const engine = subject.engine()
  const directory = subject.directory()
  let environment = engine.open(directory)
  equal(JSON.stringify(environment.offsets), '{}', 'offsets of a new environment')
  environment.open('a').put(Buffer.from('k'), Buffer.from('1'))
  environment.flush({ a: 5, b: 1 })
  environment.flush({ a: 7 })
  await environment.close()
  await environment.close()

  environment = engine.open(directory)
  equal(JSON.stringify(environment.offsets), '{"a":7,"b":1}', 'offsets are merged')
  const store = environment.open('a')
  equal(store.get(Buffer.from('k'))?.toString(), '1', 'what was flushed')
  store.put(Buffer.from('k'), Buffer.from('2'))
  store.deleteRange(undefined, Buffer.from('j'))
  store.put(Buffer.from('l'), Buffer.from('3'))
  assert(environment.pendingBytes > 0, 'pending writes weigh nothing')
  await environment.close()

  environment = engine.open(directory)
  equal(keysIn(environment.open('a')), shown(Buffer.from('k')), 'what was not flushed is gone')
  equal(environment.openedUnclean, false, 'opened unclean')
  await environment.destroy()
  environment = engine.open(directory)
  equal(environment.open('a').approximateCount(), 0, 'entries after destroy')
  equal(JSON.stringify(environment.offsets), '{}', 'offsets after destroy')
  await environment.destroy()
}

async function storesApart(subject: ConformanceSubject): Promise<void> {
  const engine = subject.engine()
  const directory = subject.directory()
  let environment = engine.open(directory)
  const a = environment.open('a')
  const b = environment.open('b')
  a.put(Buffer.from('k'), Buffer.from('in a'))
  b.put(Buffer.from('k'), Buffer.from('in b'))
  environment.flush({ a: 1, b: 2 })
  const got = a.get(Buffer.from('k'))
  b.get(Buffer.from('k'))
  equal(got?.toString(), 'in a', 'a value got stays until the next call on the same store')
  b.deleteRange(undefined, undefined)
  equal(a.get(Buffer.from('k'))?.toString(), 'in a', 'the other store')
  environment.flush({})
  await environment.close()
  environment = engine.open(directory)
  equal(environment.open('a').approximateCount(), 1, 'entries of a')
  equal(environment.open('b').approximateCount(), 0, 'entries of b')
  await environment.destroy()
}

async function refusals(subject: ConformanceSubject): Promise<void> {
  const engine = subject.engine()
  const directory = subject.directory()
  const environment = engine.open(directory)
  environment.open('a')
  equal(codeOf(thrown(() => environment.open('a'))), 'CONFIG', 'a name opened twice')
  equal(codeOf(thrown(() => engine.open(directory))), 'DIRECTORY_IN_USE', 'a directory opened twice')
  await environment.close()
  equal(codeOf(thrown(() => environment.open('b'))), 'CLOSED', 'open after close')
  equal(codeOf(thrown(() => environment.flush({}))), 'CLOSED', 'flush after close')
  await engine.open(directory).destroy()
}

/** Puts, deletes, range deletes, flushes, closes: beside a plain map that is copied at each flush. */
async function history(subject: ConformanceSubject): Promise<void> {
  const engine = subject.engine()
  const directory = subject.directory()
  let environment = engine.open(directory)
  const wrapped = (opened: StoreEnvironment) => subject.wrap?.(opened.open('s')) ?? opened.open('s')
  let store = wrapped(environment)
  let flushed = new Map<string, string>()
  let now = new Map<string, string>()
  let seed = 12345
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  const someKey = () => orderedKeys[random(orderedKeys.length)]!
  for (let step = 0; step < 3000; step++) {
    const key = someKey()
    const what = random(100)
    if (what < 60) {
      store.put(key, Buffer.from(String(step)))
      now.set(key.toString('latin1'), String(step))
    } else if (what < 80) {
      store.delete(key)
      now.delete(key.toString('latin1'))
    } else if (what < 85) {
      const to = random(4) === 0 ? undefined : someKey()
      store.deleteRange(key, to)
      for (const text of now.keys()) if (within(Buffer.from(text, 'latin1'), key, to)) now.delete(text)
    } else if (what < 97) {
      environment.flush({ s: step })
      flushed = new Map(now)
    } else {
      await environment.close()
      environment = engine.open(directory)
      store = wrapped(environment)
      now = new Map(flushed)
    }
    equal(store.get(key)?.toString(), now.get(key.toString('latin1')), `step ${step}: ${shown(key)}`)
    if (step % 10 !== 0) continue
    const entries = Array.from(store.range(undefined, undefined), (entry) => [
      entry.key.toString('latin1'),
      String(entry.value),
    ])
    const wanted = [...now].sort(([a], [b]) => (a < b ? -1 : 1))
    equal(JSON.stringify(entries), JSON.stringify(wanted), `step ${step}: all entries`)
  }
  await environment.destroy()
}

function keysIn(store: ByteStore, from?: Buffer, to?: Buffer, order?: 'reverse'): string {
  return Array.from(store.range(from, to, order), ({ key }) => shown(key)).join()
}

function within(key: Buffer, from: Buffer | undefined, to: Buffer | undefined): boolean {
  return (from === undefined || Buffer.compare(key, from) >= 0) && (to === undefined || Buffer.compare(key, to) < 0)
}

function shown(key: Buffer | undefined): string {
  return key === undefined
    ? 'open'
    : `${key.toString('hex').slice(0, 12)}…${key.toString('hex').slice(-4)}(${key.length})`
}

function equal(got: unknown, wanted: unknown, what: string): void {
  assert(Object.is(got, wanted), () => `${what}: got ${String(got)}, wanted ${String(wanted)}`)
}

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
