import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ByteCodec } from '@millrace/kernel'
import { nodeDisk } from '@millrace/kernel/node'
import {
  type KeyText,
  keyText,
  lmdbEngine,
  memoryEngine,
  type StoreEngine,
  type StoreEnvironment,
  tableStore,
  windowStore,
} from '@millrace/store'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'

const text: ByteCodec<string> = {
  read: (bytes, from, to) => bytes.utf8Slice(from, to),
  write: (value, into) => {
    into.utf8(value)
  },
}
const root = mkdtempSync(join(tmpdir(), 'millrace-typed-'))
let directories = 0
afterAll(() => rmSync(root, { recursive: true, force: true }))

const engines: [string, number, () => StoreEngine][] = [
  ['memory', 200, memoryEngine],
  ['lmdb', 40, () => lmdbEngine({ disk: nodeDisk() })],
]
const keys = ['', '\0', 'a', 'ab', 'é', 'x'.repeat(2500)].map((key) => keyText(Buffer.from(key)))
const someKey = fc.constantFrom(...keys)

type Step =
  | { do: 'put'; key: KeyText; start: number; value: string; at: number }
  | { do: 'delete'; key: KeyText; start: number; at: number }
  | { do: 'flush' | 'commit' | 'crash' | 'shrink' }
  | { do: 'expire'; at: number }

const some = { key: someKey, start: fc.constantFrom(-20, -10, 0, 10, 20, 30), at: fc.nat(50) }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), ...some, value: fc.string({ maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), ...some }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'commit', 'crash', 'shrink') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), at: fc.integer({ min: -20, max: 60 }) }) },
)
type Row = [number, string, string, number]

/** What must hold, said with plain maps: entries by window and key, as they are now and as of the last commit. */
class Oracle {
  now = new Map<string, Row>()
  committed = new Map<string, Row>()
  changelog = new Map<string, [string, number]>()
  changes: unknown[] = []
  #dirty = new Map<string, { old: string | null; key: KeyText; start: number; at: number }>()
  /** Windows that were written to, also those in which all has been deleted since: they are dropped like any other. */
  #starts = new Set<number>()

  write(key: KeyText, start: number, value: string | null, at: number): void {
    const id = `${start} ${key}`
    this.#starts.add(start)
    if (!this.#dirty.has(id)) this.#dirty.set(id, { old: this.now.get(id)?.[2] ?? null, key, start, at })
    this.#dirty.get(id)!.at = at
    if (value === null) this.now.delete(id)
    else this.now.set(id, [start, key, value, at])
  }

  flush(): void {
    for (const [id, { old, key, start, at }] of this.#dirty) {
      const value = this.now.get(id)?.[2] ?? null
      this.changes.push([key, start, value, old, at])
    }
    this.#dirty.clear()
  }

  expire(at: number, retentionMs: number): number {
    const gone = [...this.now].filter(([, [start]]) => start + retentionMs <= at)
    const expired = [...this.#starts].filter((start) => start + retentionMs <= at)
    if (expired.length > 0) this.flush()
    for (const start of expired) this.#starts.delete(start)
    for (const [id] of gone) this.now.delete(id)
    return gone.length
  }

  crash(): void {
    this.now = new Map(this.committed)
    this.#starts = new Set([...this.now.values()].map(([start]) => start))
    this.#dirty.clear()
  }

  rows(): Row[] {
    return [...this.now.values()].sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0))
  }
}

describe.each(engines)('on %s', (_, numRuns, makeEngine) => {
  test('a window store equals a plain map through flushes, evictions, crashes and expiry', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const engine = makeEngine()
        const directory = join(root, String(directories++))
        const oracle = new Oracle()
        const heard: unknown[] = []
        const changelog = new Map<string, string>()
        let committedChangelog = new Map<string, string>()
        let environment: StoreEnvironment
        const open = () => {
          environment = engine.open(directory)
          return windowStore({
            name: 'w',
            codec: text,
            bytes: environment.open('w'),
            retentionMs: 25,
            sendOld: true,
            listener: (...change) => {
              heard.push([change[0], change[1], change[2], change[3], change[4]])
            },
            changelog: (key, value, at) => {
              if (value === null) changelog.delete(key.toString('latin1'))
              else changelog.set(key.toString('latin1'), `${at} ${value}`)
            },
          })
        }
        let store = open()
        for (const one of steps) {
          if (one.do === 'put') {
            store.put(one.key, one.start, one.value, one.at)
            oracle.write(one.key, one.start, one.value, one.at)
          } else if (one.do === 'delete') {
            store.delete(one.key, one.start, one.at)
            oracle.write(one.key, one.start, null, one.at)
          } else if (one.do === 'expire') {
            expect(store.expire(one.at)).toBe(oracle.expire(one.at, 25))
          } else if (one.do === 'crash') {
            await environment!.close()
            changelog.clear()
            for (const [key, value] of committedChangelog) changelog.set(key, value)
            store = open()
            oracle.crash()
          } else if (one.do === 'shrink') {
            store.shrink(300)
          } else {
            store.flushCache()
            oracle.flush()
            if (one.do === 'commit') {
              environment!.flush({ w: 1 })
              oracle.committed = new Map(oracle.now)
              committedChangelog = new Map(changelog)
            }
          }
          if ('key' in one) {
            const cell = store.get(one.key, one.start)
            const row = oracle.now.get(`${one.start} ${one.key}`)
            expect(cell && [cell.value, cell.timestampMs]).toStrictEqual(row && [row[2], row[3]])
            const fetched = Array.from(store.fetch(one.key, -10, 20), ([start, { value }]) => [start, value])
            const wanted = oracle.rows().filter(([start, key]) => key === one.key && start >= -10 && start < 20)
            expect(fetched).toStrictEqual(wanted.map(([start, , value]) => [start, value]))
          }
          const all = Array.from(store.fetchAll(-100, 100), ([start, key, cell]) => [
            start,
            key,
            cell.value,
            cell.timestampMs,
          ])
          expect(all).toStrictEqual(oracle.rows())
        }
        store.flushCache()
        oracle.flush()
        expect(heard).toStrictEqual(oracle.changes)

        // Law 10: what the changelog restores is the store.
        const restored = windowStore({
          name: 'r',
          codec: text,
          bytes: environment!.open('r'),
          listener: undefined,
          changelog: undefined,
          retentionMs: 25,
        })
        for (const [key, value] of changelog) {
          const [at, ...rest] = value.split(' ')
          restored.restore(Buffer.from(key, 'latin1'), Buffer.from(rest.join(' ')), Number(at))
        }
        const again = Array.from(restored.fetchAll(-100, 100), ([start, key, cell]) => [
          start,
          key,
          cell.value,
          cell.timestampMs,
        ])
        expect(again).toStrictEqual(oracle.rows())
        for (const [start, key, value] of oracle.rows())
          expect(restored.get(keyText(Buffer.from(key, 'latin1')), start)?.value).toBe(value)
        await environment!.destroy()
      }),
      { numRuns },
    )
  })

  test('a table equals a plain map through flushes, evictions and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const engine = makeEngine()
        const directory = join(root, String(directories++))
        const oracle = new Oracle()
        const heard: unknown[] = []
        let environment: StoreEnvironment
        const open = () => {
          environment = engine.open(directory)
          const listener = (...change: readonly unknown[]) => {
            heard.push(change)
          }
          return tableStore({
            name: 't',
            codec: text,
            bytes: environment.open('t'),
            sendOld: true,
            changelog: undefined,
            listener,
          })
        }
        let store = open()
        for (const one of steps) {
          if (one.do === 'put') {
            store.put(one.key, one.value, one.at)
            oracle.write(one.key, 0, one.value, one.at)
          } else if (one.do === 'delete') {
            store.delete(one.key, one.at)
            oracle.write(one.key, 0, null, one.at)
          } else if (one.do === 'crash') {
            await environment!.close()
            store = open()
            oracle.crash()
          } else if (one.do === 'shrink') {
            store.shrink(300)
          } else {
            store.flushCache()
            oracle.flush()
            if (one.do === 'commit') {
              environment!.flush({ t: 1 })
              oracle.committed = new Map(oracle.now)
            }
          }
          if ('key' in one) expect(store.get(one.key)?.value).toBe(oracle.now.get(`0 ${one.key}`)?.[2])
          const wanted = oracle.rows().map(([, key, value]) => [key, value])
          for (const [from, to] of [
            [undefined, undefined],
            [keys[1], keys[4]],
          ]) {
            const got = Array.from(store.range(from, to), ([key, { value }]) => [key, value])
            expect(got).toStrictEqual(
              wanted.filter(([key]) => (from === undefined || key! >= from) && (to === undefined || key! < to)),
            )
          }
        }
        store.flushCache()
        oracle.flush()
        expect(heard).toStrictEqual(oracle.changes)
        await environment!.destroy()
      }),
      { numRuns },
    )
  })
})

describe('the cache', () => {
  const open = (sendOld = false) => {
    const environment = memoryEngine().open('d')
    const options = {
      name: 't',
      codec: text,
      bytes: environment.open('t'),
      listener: undefined,
      changelog: undefined,
      sendOld,
    }
    return { environment, store: tableStore(options) }
  }
  const key = (i: number) => keyText(Buffer.from(`key ${i}`))

  test('gives up clean entries only, and stays within what it is told', () => {
    const { store } = open()
    for (let i = 0; i < 1000; i++) store.put(key(i), 'v', 0)
    store.shrink(0)
    expect(store.dirtyCount).toBe(1000)
    expect(store.metrics.entries).toBe(1000)
    store.flushCache()
    const before = store.cacheBytes
    store.shrink(before / 2)
    expect(store.cacheBytes).toBeLessThanOrEqual(before / 2)
    expect(store.metrics.entries).toBeGreaterThan(400)
    store.shrink(0)
    expect([store.cacheBytes, store.metrics.entries]).toStrictEqual([0, 0])
    for (let i = 0; i < 1000; i++) expect(store.get(key(i))?.value).toBe('v')
  })

  test('keeps what is used again', () => {
    const { store } = open()
    for (let i = 0; i < 100; i++) store.put(key(i), 'v', 0)
    store.flushCache()
    store.shrink(store.cacheBytes / 2)
    const { engineReads } = store.metrics
    for (let i = 90; i < 100; i++) store.get(key(i))
    expect(store.metrics.engineReads).toBe(engineReads)
  })

  test('does not ask the engine for keys it has never seen', () => {
    const { store } = open()
    for (let i = 0; i < 1000; i++) store.put(key(i), 'v', 0)
    store.flushCache()
    store.shrink(0)
    for (let i = 1000; i < 11_000; i++) expect(store.get(key(i))).toBe(undefined)
    expect(store.metrics.engineReads).toBeLessThan(500)
    expect(store.metrics.misses).toBe(10_000 + 0)
  })

  test('loses no change when its listener throws', () => {
    const environment = memoryEngine().open('d')
    const heard: string[] = []
    let failing = true
    const listener = (changed: KeyText) => {
      if (failing && changed === key(2)) throw new Error('downstream')
      heard.push(changed)
    }
    const store = tableStore({ name: 't', codec: text, bytes: environment.open('t'), listener, changelog: undefined })
    for (let i = 0; i < 5; i++) store.put(key(i), 'v', 0)
    expect(() => store.flushCache()).toThrow('downstream')
    failing = false
    expect(store.dirtyCount).toBe(3)
    store.flushCache()
    expect(heard).toStrictEqual([0, 1, 2, 3, 4].map(key))
  })
})
