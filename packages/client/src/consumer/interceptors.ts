import { type Counter, type Log, messageOf, type TopicPartitionMap } from '@millrace/kernel'
import type { ConsumerInterceptor } from '../interceptors.ts'
import type { OffsetAndMetadata, PolledBatch } from '../records.ts'

/** A consumer's interceptors, in order. What one of them throws costs nobody anything but a line and a count. */
export class Interceptors {
  readonly #list: readonly ConsumerInterceptor[]
  readonly #failures: Counter
  readonly #log: Log

  constructor(list: readonly ConsumerInterceptor[], failures: Counter, log: Log) {
    this.#list = list
    this.#failures = failures
    this.#log = log
  }

  consumed(batches: readonly PolledBatch[]): readonly PolledBatch[] {
    let shown = batches
    for (const interceptor of this.#list) {
      shown = this.#guarded('onConsume', shown, () => interceptor.onConsume?.(shown) ?? shown)
    }
    return shown
  }

  committed(offsets: TopicPartitionMap<OffsetAndMetadata>): void {
    for (const interceptor of this.#list) {
      this.#guarded('onCommit', undefined, () => interceptor.onCommit?.(offsets))
    }
  }

  async close(): Promise<void> {
    for (const interceptor of this.#list) {
      await Promise.resolve()
        .then(() => interceptor.close?.())
        .catch((error: unknown) => this.#failed('close', error))
    }
  }

  #guarded<T>(call: string, otherwise: T, run: () => T): T {
    try {
      return run()
    } catch (error) {
      this.#failed(call, error)
      return otherwise
    }
  }

  #failed(call: string, error: unknown): void {
    this.#failures.add()
    this.#log.warn('an interceptor threw', { call, error: messageOf(error) })
  }
}
