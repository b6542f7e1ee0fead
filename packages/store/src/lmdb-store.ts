import { Buffer } from 'node:buffer'
import type { Database } from 'lmdb'
import type { CommittedStore } from './buffered-store.ts'
import type { StoreEntry } from './byte-store.ts'
import { keyBytes } from './key-text.ts'
import {
  afterBucket,
  type BucketEntry,
  bucketKey,
  readBucket,
  STORED_MAX,
  shifted,
  unshifted,
  withEntry,
  writeBucket,
} from './long-keys.ts'
import type { KeyRange, PendingWrites } from './pending-writes.ts'

/** The least key there can be: of the empty key. lmdb's own default for the end of a reverse range leaves it out. */
const LEAST = Buffer.from([0])

/** One named database of an lmdb environment. Keys are stored as `long-keys.ts` says. */
export class LmdbStore implements CommittedStore {
  readonly name: string
  readonly #db: Database<Buffer, Buffer>
  #copy = Buffer.allocUnsafeSlow(1024)

  constructor(name: string, db: Database<Buffer, Buffer>) {
    this.name = name
    this.#db = db
  }

  get(key: Buffer): Buffer | undefined {
    const stored = shifted(key)
    if (stored.length <= STORED_MAX) return this.#read(stored)
    const rest = stored.subarray(STORED_MAX)
    return this.#bucket(stored).find((entry) => entry.rest.equals(rest))?.value
  }

  *entries(from: Buffer | undefined, to: Buffer | undefined, reverse: boolean): IterableIterator<StoreEntry> {
    const low = from === undefined ? undefined : shifted(from)
    const high = to === undefined ? undefined : shifted(to)
    const first = low === undefined || low.length <= STORED_MAX ? low : bucketKey(low)
    const last = high === undefined || high.length <= STORED_MAX ? high : afterBucket(high)
    const bounds = reverse
      ? {
          ...(last && { start: last, exclusiveStart: true }),
          end: first ?? LEAST,
          inclusiveEnd: true,
          reverse,
        }
      : { ...(first && { start: first }), ...(last && { end: last }) }
    for (const { key, value } of this.#db.getRange(bounds)) {
      if (key.length <= STORED_MAX) {
        yield { key: unshifted(key), value }
        continue
      }
      const bucket = readBucket(value)
      for (const entry of reverse ? bucket.reverse() : bucket) {
        const whole = Buffer.concat([key.subarray(0, STORED_MAX), entry.rest])
        if (low !== undefined && Buffer.compare(whole, low) < 0) continue
        if (high !== undefined && Buffer.compare(whole, high) >= 0) continue
        yield { key: unshifted(whole), value: entry.value }
      }
    }
  }

  count(): number {
    const stats = this.#db.getStats()
    return 'entryCount' in stats && typeof stats.entryCount === 'number' ? stats.entryCount : this.#db.getCount()
  }

  apply(pending: PendingWrites): void {
    for (const range of pending.deletedRanges) this.#deleteRange(range)
    pending.forEach((text, value) => {
      const stored = shifted(keyBytes(text))
      if (stored.length > STORED_MAX) this.#writeLong(stored, value)
      else if (value === null) this.#db.removeSync(stored)
      else this.#db.putSync(stored, value)
    })
  }

  #deleteRange({ from, to }: KeyRange): void {
    const low = from === undefined ? undefined : keyBytes(from)
    const high = to === undefined ? undefined : keyBytes(to)
    if (low === undefined && high === undefined) {
      this.#db.clearSync()
      return
    }
    // Collected first: a cursor must not be moved over a tree that changes beneath it.
    const keys = Array.from(this.entries(low, high, false), ({ key }) => shifted(key))
    for (const key of keys) {
      if (key.length > STORED_MAX) this.#writeLong(key, null)
      else this.#db.removeSync(key)
    }
  }

  /** `getBinaryFast` answers from one buffer that all databases of the process share: hence the copy. */
  #read(stored: Buffer): Buffer | undefined {
    const shared = this.#db.getBinaryFast(stored)
    if (shared === undefined) return undefined
    const size = shared.length
    if (size > this.#copy.length) this.#copy = Buffer.allocUnsafeSlow(size * 2)
    for (let i = 0; i < size; i++) this.#copy[i] = shared[i]!
    return this.#copy.subarray(0, size)
  }

  #bucket(stored: Buffer): BucketEntry[] {
    const bytes = this.#read(bucketKey(stored))
    return bytes === undefined ? [] : readBucket(bytes)
  }

  #writeLong(stored: Buffer, value: Buffer | null): void {
    const entries = withEntry(this.#bucket(stored), stored.subarray(STORED_MAX), value)
    if (entries.length === 0) this.#db.removeSync(bucketKey(stored))
    else this.#db.putSync(bucketKey(stored), writeBucket(entries))
  }
}
