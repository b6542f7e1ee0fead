import { configError, MillraceError } from '@millrace/kernel'
import { BufferedStore, type CommittedStore } from './buffered-store.ts'
import type { ByteStore, FlushedOffsets, StoreEnvironment } from './byte-store.ts'

/** What an engine does beneath a `BufferedEnvironment`. */
export interface CommittedEnvironment {
  readonly directory: string
  readonly openedUnclean: boolean
  offsets(): FlushedOffsets
  store(name: string): CommittedStore
  /** Runs `write` and records `offsets` in one atomic write. */
  transaction(write: () => void, offsets: FlushedOffsets): void
  close(): Promise<void>
  destroy(): Promise<void>
}

/** The stores of one task with their pending writes, over an engine. */
export class BufferedEnvironment implements StoreEnvironment {
  readonly #committed: CommittedEnvironment
  readonly #stores = new Map<string, BufferedStore>()
  #offsets: FlushedOffsets
  #closing: Promise<void> | undefined

  constructor(committed: CommittedEnvironment) {
    this.#committed = committed
    this.#offsets = Object.freeze({ ...committed.offsets() })
  }

  get offsets(): FlushedOffsets {
    return this.#offsets
  }

  get openedUnclean(): boolean {
    return this.#committed.openedUnclean
  }

  get pendingBytes(): number {
    let bytes = 0
    for (const store of this.#stores.values()) bytes += store.pending.bytes
    return bytes
  }

  open(name: string): ByteStore {
    this.#checkOpen()
    if (this.#stores.has(name)) {
      throw configError(`store ${name}`, 'is open already', name, 'Give each store of a task its own name.')
    }
    const store = new BufferedStore(this.#committed.store(name))
    this.#stores.set(name, store)
    return store
  }

  flush(offsets: FlushedOffsets): void {
    this.#checkOpen()
    const merged = Object.freeze({ ...this.#offsets, ...offsets })
    this.#committed.transaction(() => {
      for (const store of this.#stores.values()) store.apply()
    }, merged)
    for (const store of this.#stores.values()) store.flushed()
    this.#offsets = merged
  }

  close(): Promise<void> {
    this.#closing ??= this.#committed.close()
    return this.#closing
  }

  destroy(): Promise<void> {
    this.#closing ??= this.#committed.destroy()
    return this.#closing
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return
    throw new MillraceError('CLOSED', 'the state directory is closed', { place: this.#committed.directory })
  }
}
