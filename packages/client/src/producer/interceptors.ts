import type { Log, Metrics } from '@millrace/kernel'
import { InterceptorCalls } from '../interceptor-calls.ts'
import type { ProducerInterceptor } from '../interceptors.ts'
import type { ProducerRecord, RecordMetadata } from '../records.ts'

/** A producer's interceptors, in order. */
export class Interceptors {
  readonly #calls: InterceptorCalls<ProducerInterceptor>

  constructor(
    list: readonly ProducerInterceptor[],
    { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
  ) {
    const failures = metrics.counter('millrace_client_interceptor_failures_total', 'Calls of interceptors that threw.')
    this.#calls = new InterceptorCalls(list, failures, log)
  }

  /** Shows a record on its way to `send`, and what came of it. */
  async around(
    record: ProducerRecord,
    send: (record: ProducerRecord) => Promise<RecordMetadata>,
  ): Promise<RecordMetadata> {
    let metadata: RecordMetadata
    try {
      metadata = await send(this.#sent(record))
    } catch (error) {
      this.#acknowledged(undefined, error instanceof Error ? error : new Error(String(error)))
      throw error
    }
    this.#acknowledged(metadata, undefined)
    return metadata
  }

  close(): Promise<void> {
    return this.#calls.close()
  }

  #sent(record: ProducerRecord): ProducerRecord {
    let shown = record
    for (const interceptor of this.#calls.list) {
      shown = this.#calls.guarded('onSend', shown, () => interceptor.onSend?.(shown) ?? shown)
    }
    return shown
  }

  #acknowledged(metadata: RecordMetadata | undefined, error: Error | undefined): void {
    for (const interceptor of this.#calls.list) {
      this.#calls.guarded('onAcknowledgement', undefined, () => interceptor.onAcknowledgement?.(metadata, error))
    }
  }
}
