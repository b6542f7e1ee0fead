import type { EpochCache } from './epoch-cache.ts'
import type { LogContext } from './log-context.ts'
import type { ProducerStates } from './producer-states.ts'
import type { Segment } from './segment.ts'
import { segmentPath } from './segment-names.ts'

/** What stands beside the batches of a partition and makes the next start quick: indexes, snapshots, epochs. */
export class SideFiles {
  readonly #context: LogContext
  readonly #directory: string
  readonly #producers: ProducerStates
  readonly #epochs: EpochCache
  /** Of the newest snapshot: it is never written again, a power cut would leave half of it. */
  #snapshotAt: number

  constructor(
    context: LogContext,
    directory: string,
    from: { readonly producers: ProducerStates; readonly epochs: EpochCache; readonly snapshotAt: number },
  ) {
    this.#context = context
    this.#directory = directory
    this.#producers = from.producers
    this.#epochs = from.epochs
    this.#snapshotAt = from.snapshotAt
  }

  /** Where the newest snapshot of producers stands. */
  get snapshotAt(): number {
    return this.#snapshotAt
  }

  /** Producer state where the log ends now. */
  writeSnapshot(end: number): void {
    if (end === this.#snapshotAt) return
    const bytes = this.#producers.encode()
    const file = this.#context.pool.use(segmentPath(this.#directory, end, '.snapshot'), 'open-or-create')
    file.truncate(bytes.length)
    file.write(bytes, 0, bytes.length, 0)
    this.#snapshotAt = end
  }

  /** Resolves when the indexes of `segment` and the snapshot at its end survive a power cut. */
  async sync(segment: Segment, end: number): Promise<void> {
    const { pool } = this.#context
    const paths = segment.indexPaths()
    if (end > 0) paths.push(segmentPath(this.#directory, end, '.snapshot'))
    await Promise.all(paths.map((path) => pool.sync(path)))
    await pool.syncDirectory(this.#directory)
    pool.close(segmentPath(this.#directory, end, '.snapshot'))
  }

  /** Resolves when the epochs survive a power cut. When it rejects, the old ones are there. */
  saveEpochs(): Promise<void> {
    return this.#epochs.save(this.#context.disk, this.#directory)
  }
}
