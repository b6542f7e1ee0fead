import type { Counter, Log, TopicPartitionMap } from '@millrace/kernel'
import { InterceptorCalls } from '../interceptor-calls.ts'
import type { ConsumerInterceptor } from '../interceptors.ts'
import type { OffsetAndMetadata, PolledBatch } from '../records.ts'

/** A consumer's interceptors, in order. */
export class Interceptors {
  readonly #calls: InterceptorCalls<ConsumerInterceptor>

  constructor(list: readonly ConsumerInterceptor[], failures: Counter, log: Log) {
    this.#calls = new InterceptorCalls(list, failures, log)
  }

  consumed(batches: readonly PolledBatch[]): readonly PolledBatch[] {
    let shown = batches
    for (const interceptor of this.#calls.list) {
      shown = this.#calls.guarded('onConsume', shown, () => interceptor.onConsume?.(shown) ?? shown)
    }
    return shown
  }

  committed(offsets: TopicPartitionMap<OffsetAndMetadata>): void {
    for (const interceptor of this.#calls.list) {
      this.#calls.guarded('onCommit', undefined, () => interceptor.onCommit?.(offsets))
    }
  }

  close(): Promise<void> {
    return this.#calls.close()
  }
}
