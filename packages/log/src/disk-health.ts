import { codeOf, kafkaError, type MillraceError, messageOf } from '@millrace/kernel'
import type { LogContext } from './log-context.ts'

/** What the disk of a partition has refused, and what follows from it. */
export class DiskHealth {
  readonly #context: LogContext
  readonly #name: string
  readonly #onFailure: (failure: MillraceError) => void
  #failure: MillraceError | undefined
  /** The last append found no room. */
  #full = false

  /** @param onFailure once, when the partition takes no more appends */
  constructor(context: LogContext, name: string, onFailure: (failure: MillraceError) => void) {
    this.#context = context
    this.#name = name
    this.#onFailure = onFailure
  }

  get failure(): MillraceError | undefined {
    return this.#failure
  }

  /** A write has come through. */
  wrote(): void {
    if (this.#full) this.#tellFull(undefined)
  }

  /**
   * What a refused write becomes. A full disk may get room again: the part that was written is cut off and the log
   * goes on.
   */
  refused(error: unknown, cutOff: () => void): MillraceError {
    if (codeOf(error) === 'DISK_FULL') {
      try {
        cutOff()
        if (!this.#full) this.#tellFull(error)
        return kafkaError('KAFKA_STORAGE_ERROR', this.#name, messageOf(error), error)
      } catch (second) {
        return this.fail(second)
      }
    }
    return this.fail(error)
  }

  /** No more appends until the partition is opened anew: by `reopenFailed`, once its disk works, or at a start. */
  fail(error: unknown): MillraceError {
    if (this.#failure !== undefined) return this.#failure
    const failure = kafkaError('KAFKA_STORAGE_ERROR', this.#name, messageOf(error), error)
    this.#failure = failure
    this.#onFailure(failure)
    const { metrics, log } = this.#context
    this.#context.partitionFailed()
    metrics
      .counter('millrace_log_partitions_failed_total', 'Partitions that refuse appends since their disk failed.')
      .add()
    log.error('the partition takes no more appends: its disk has failed', {
      partition: this.#name,
      reason: failure.message,
    })
    return failure
  }

  /** The partition is closed or deleted: whoever comes is told so. */
  close(): void {
    this.#failure ??= kafkaError('KAFKA_STORAGE_ERROR', this.#name, 'The log is closed.')
  }

  /** Once when it becomes full and once when there is room again: in between, producers try and try. */
  #tellFull(error: unknown): void {
    this.#full = error !== undefined
    const { log } = this.#context
    if (this.#full) log.error('no append until there is room', { partition: this.#name, reason: messageOf(error) })
    else log.warn('there is room again', { partition: this.#name })
  }
}

/** There was no room, for this or for what caused it. */
export function isDiskFull(error: unknown): boolean {
  return codeOf(error) === 'DISK_FULL' || (error instanceof Error && codeOf(error.cause) === 'DISK_FULL')
}
