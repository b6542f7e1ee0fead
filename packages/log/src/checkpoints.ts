import { type Disk, type Log, messageOf } from '@millrace/kernel'
import { OffsetCheckpoint } from './data-directory-files.ts'

/** An offset of each partition. */
export type OffsetsOf = (
  which: 'recoveryPoint' | 'logStart',
) => readonly { readonly topic: string; readonly partition: number; readonly at: number }[]

/** The recovery points and log starts of a data directory: one write at a time, shared by those who ask meanwhile. */
export class Checkpoints {
  readonly #log: Log
  readonly #offsets: OffsetsOf
  readonly #recoveryPoints: OffsetCheckpoint
  readonly #logStarts: OffsetCheckpoint
  #scheduled: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #stopped = false

  constructor({ disk, log }: { readonly disk: Disk; readonly log: Log }, directory: string, offsets: OffsetsOf) {
    this.#log = log
    this.#offsets = offsets
    this.#recoveryPoints = new OffsetCheckpoint(disk, directory, 'recovery-point-offset-checkpoint')
    this.#logStarts = new OffsetCheckpoint(disk, directory, 'log-start-offset-checkpoint')
  }

  /** By `<topic>-<partition>`. */
  read(): { readonly points: Map<string, number>; readonly starts: Map<string, number> } {
    return { points: this.#recoveryPoints.read(), starts: this.#logStarts.read() }
  }

  /** Recovery points have moved. Moves before its turn share one: with thousands of partitions it is a large file. */
  schedule(): void {
    if (this.#scheduled !== undefined || this.#stopped) return
    this.#scheduled = Promise.resolve()
      .then(() => this.#writeRecoveryPoints())
      .catch((error: unknown) => {
        const reason = messageOf(error)
        this.#log.error('the recovery points could not be written; the next start reads more', { reason })
      })
  }

  /** Resolves when both are durable. Those that ask while one is being written share the next one. */
  write(): Promise<void> {
    this.#next ??= this.#inTurn(async () => {
      this.#next = undefined
      await this.#recoveryPoints.write(this.#offsets('recoveryPoint'))
      await this.#logStarts.write(this.#offsets('logStart').filter(({ at }) => at > 0))
    })
    return this.#next
  }

  /** Nothing is scheduled any more. Resolves when what was is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#scheduled
  }

  #writeRecoveryPoints(): Promise<void> {
    return this.#inTurn(() => {
      this.#scheduled = undefined // whatever moves from here on is in the next one
      return this.#recoveryPoints.write(this.#offsets('recoveryPoint'))
    })
  }

  #inTurn(checkpoint: () => Promise<void>): Promise<void> {
    const written = this.#writing.catch(() => {}).then(checkpoint)
    this.#writing = written
    return written
  }
}
