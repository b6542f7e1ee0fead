import {
  type ByteStore,
  type FlushedOffsets,
  memoryEngine,
  type StoreEngine,
  type StoreEnvironment,
} from '@millrace/store'
import type { CommitSteps } from './commit-steps.ts'

/** State stores in memory that outlive the process that wrote them. */
export class OutlivingStores {
  readonly #stores = memoryEngine()

  /** As one process sees them; `die` of it ends its hold on them, and whatever it still writes is written nowhere. */
  process(steps: CommitSteps): ProcessStores {
    return new ProcessStores(this.#stores, steps)
  }
}

export class ProcessStores implements StoreEngine {
  readonly name = 'outliving'
  readonly #inner: StoreEngine
  readonly #steps: CommitSteps
  readonly #open = new Set<StoreEnvironment>()
  #isDead = false

  constructor(inner: StoreEngine, steps: CommitSteps) {
    this.#inner = inner
    this.#steps = steps
  }

  open(directory: string): StoreEnvironment {
    const inner = this.#inner.open(directory)
    this.#open.add(inner)
    const flush = (offsets: FlushedOffsets) => {
      if (this.#isDead) return
      this.#steps.aroundNow('flush of stores', () => inner.flush(offsets))
    }
    return {
      open: (name: string): ByteStore => inner.open(name),
      flush,
      get offsets() {
        return inner.offsets
      },
      openedUnclean: inner.openedUnclean,
      get pendingBytes() {
        return inner.pendingBytes
      },
      close: () => inner.close(),
      destroy: () => (this.#isDead ? Promise.resolve() : inner.destroy()),
    }
  }

  die(): void {
    this.#isDead = true
    for (const environment of this.#open) void environment.close()
  }
}
