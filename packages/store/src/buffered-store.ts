import type { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'
import type { ByteStore, StoreEntry } from './byte-store.ts'
import { type KeyText, keyBytes, keyText } from './key-text.ts'
import { PendingWrites, rangeText } from './pending-writes.ts'

/** One store's contents as of the last flush: what an engine implements beneath `BufferedStore`. */
export interface CommittedStore {
  readonly name: string
  /** Valid until the next call. */
  get(key: Buffer): Buffer | undefined
  /** In order, from the end where `reverse`. Key and value are valid until `next()`. */
  entries(from: Buffer | undefined, to: Buffer | undefined, reverse: boolean): IterableIterator<StoreEntry>
  count(): number
  /** Inside the environment's transaction. */
  apply(pending: PendingWrites): void
}

/** A store whose writes wait for its environment's flush and are seen at once. */
export class BufferedStore implements ByteStore {
  readonly name: string
  readonly pending = new PendingWrites()
  readonly #committed: CommittedStore
  #flushes = 0

  constructor(committed: CommittedStore) {
    this.name = committed.name
    this.#committed = committed
  }

  get(key: Buffer): Buffer | undefined {
    if (!this.pending.isEmpty) {
      const value = this.pending.get(keyText(key))
      if (value !== undefined) return value ?? undefined
    }
    return this.#committed.get(key)
  }

  put(key: Buffer, value: Buffer): void {
    this.pending.put(keyText(key), value)
  }

  delete(key: Buffer): void {
    this.pending.delete(keyText(key))
  }

  deleteRange(from: Buffer | undefined, to: Buffer | undefined): void {
    const range = rangeText(from, to)
    this.pending.deleteRange(range.from, range.to)
  }

  range(from: Buffer | undefined, to: Buffer | undefined, order?: 'reverse'): IterableIterator<StoreEntry> {
    const reverse = order === 'reverse'
    const text = rangeText(from, to)
    if (text.from !== undefined && text.to !== undefined && text.from >= text.to) return [].values()
    const ours = this.pending.keys(text.from, text.to)
    return this.#merged(reverse ? ours.toReversed() : ours, this.#committed.entries(from, to, reverse), reverse)
  }

  approximateCount(): number {
    return this.#committed.count() + this.pending.count
  }

  /** Writes what is pending. The caller forgets it with `flushed` once the transaction stands. */
  apply(): void {
    if (!this.pending.isEmpty) this.#committed.apply(this.pending)
  }

  flushed(): void {
    this.pending.clear()
    this.#flushes++
  }

  /** Both sides in order; where both have a key, ours is the later word. */
  *#merged(
    ours: readonly KeyText[],
    theirs: IterableIterator<StoreEntry>,
    reverse: boolean,
  ): IterableIterator<StoreEntry> {
    const flushes = this.#flushes
    let at = 0
    for (const entry of theirs) {
      const text = keyText(entry.key)
      while (at < ours.length && (reverse ? ours[at]! > text : ours[at]! < text)) {
        const value = this.pending.get(ours[at]!)
        if (value) yield { key: keyBytes(ours[at]!), value }
        this.#checkOpen(flushes)
        at++
      }
      if (this.pending.get(text) === undefined) yield entry
      this.#checkOpen(flushes)
    }
    for (; at < ours.length; at++) {
      const value = this.pending.get(ours[at]!)
      if (value) yield { key: keyBytes(ours[at]!), value }
      this.#checkOpen(flushes)
    }
  }

  #checkOpen(flushes: number): void {
    if (this.#flushes === flushes) return
    throw new MillraceError('STATE', 'a range was continued after a flush', {
      place: `store ${this.name}`,
      fix: 'Read a range to its end between two flushes.',
    })
  }
}
