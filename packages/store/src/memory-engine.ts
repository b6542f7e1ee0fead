import { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'
import { BufferedEnvironment, type CommittedEnvironment } from './buffered-environment.ts'
import type { CommittedStore } from './buffered-store.ts'
import type { FlushedOffsets, StoreEngine, StoreEntry } from './byte-store.ts'
import { type KeyText, keyBytes, keyText } from './key-text.ts'
import type { PendingWrites } from './pending-writes.ts'
import { SortedMap } from './sorted-map.ts'

/** One directory's contents; outlives the environment as a file would. */
interface Contents {
  readonly stores: Map<string, SortedMap<KeyText, Buffer>>
  offsets: FlushedOffsets
  held: boolean
}

/**
 * State in the heap, for tests and for state that is small or cheap to restore. Directories are names: what was
 * flushed is there when the
 * same engine opens the name again, and gone with the engine.
 */
export function memoryEngine(): StoreEngine {
  const directories = new Map<string, Contents>()
  return {
    name: 'memory',
    open(directory) {
      const contents = directories.get(directory) ?? { stores: new Map(), offsets: {}, held: false }
      if (contents.held) {
        throw new MillraceError('DIRECTORY_IN_USE', 'is open already', {
          place: directory,
          fix: 'Close the environment that holds it first.',
        })
      }
      contents.held = true
      directories.set(directory, contents)
      return new BufferedEnvironment(new MemoryEnvironment(directory, contents, directories))
    },
  }
}

class MemoryEnvironment implements CommittedEnvironment {
  readonly directory: string
  readonly openedUnclean = false
  readonly #contents: Contents
  readonly #directories: Map<string, Contents>

  constructor(directory: string, contents: Contents, directories: Map<string, Contents>) {
    this.directory = directory
    this.#contents = contents
    this.#directories = directories
  }

  offsets(): FlushedOffsets {
    return this.#contents.offsets
  }

  store(name: string): CommittedStore {
    const entries = this.#contents.stores.get(name) ?? new SortedMap<KeyText, Buffer>()
    this.#contents.stores.set(name, entries)
    return new MemoryStore(name, entries)
  }

  transaction(write: () => void, offsets: FlushedOffsets): void {
    write()
    this.#contents.offsets = offsets
  }

  close(): Promise<void> {
    this.#contents.held = false
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    this.#directories.delete(this.directory)
    return Promise.resolve()
  }
}

class MemoryStore implements CommittedStore {
  readonly name: string
  readonly #entries: SortedMap<KeyText, Buffer>

  constructor(name: string, entries: SortedMap<KeyText, Buffer>) {
    this.name = name
    this.#entries = entries
  }

  get(key: Buffer): Buffer | undefined {
    return this.#entries.get(keyText(key))
  }

  *entries(from: Buffer | undefined, to: Buffer | undefined, reverse: boolean): IterableIterator<StoreEntry> {
    const low = from === undefined ? undefined : keyText(from)
    const high = to === undefined ? undefined : keyText(to)
    for (const key of reverse ? this.#entries.keysReverse(low, high) : this.#entries.keys(low, high)) {
      const value = this.#entries.get(key)
      if (value !== undefined) yield { key: keyBytes(key), value }
    }
  }

  count(): number {
    return this.#entries.size
  }

  apply(pending: PendingWrites): void {
    for (const { from, to } of pending.deletedRanges) {
      for (const key of this.#entries.keys(from, to)) this.#entries.delete(key)
    }
    pending.forEach((key, value) => {
      if (value === null) this.#entries.delete(key)
      else this.#entries.set(key, Buffer.from(value))
    })
  }
}
