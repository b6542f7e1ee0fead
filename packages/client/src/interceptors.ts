import type { TopicPartitionMap } from '@millrace/kernel'
import type { OffsetAndMetadata, PolledBatch, ProducerRecord, RecordMetadata } from './records.ts'

/**
 * Sees records on their way out, as Kafka's ProducerInterceptor. Interceptors are called in order, each with what the one before
 * returned. What one throws is logged and counted (`millrace_client_interceptor_failures_total`), and the call goes on as if it had not
 * been there. Functions are synchronous and run on the sending path: keep them short.
 */
export interface ProducerInterceptor {
  /** Before the partitioner; returns the record to send. Records appended in place (`append`) are not shown. */
  onSend?(record: ProducerRecord): ProducerRecord
  /** Once per record of `send`: acknowledged (`metadata`), or failed (`error`). */
  onAcknowledgement?(metadata: RecordMetadata | undefined, error: Error | undefined): void
  /** Awaited when the producer closes. */
  close?(): void | Promise<void>
}

/**
 * Sees batches on their way in, as Kafka's ConsumerInterceptor. Interceptors are called in order, each with what the one before
 * returned. What one throws is logged and counted (`millrace_client_interceptor_failures_total`), and the call goes on as if it had not
 * been there. Functions are synchronous and run inside `poll`: keep them short.
 */
export interface ConsumerInterceptor {
  /** What `poll` is about to return; returns what it shall return. The position is past all of it in any case. */
  onConsume?(batches: readonly PolledBatch[]): readonly PolledBatch[]
  /** After positions have been committed, by hand or automatically. */
  onCommit?(offsets: TopicPartitionMap<OffsetAndMetadata>): void
  /** Awaited when the consumer closes. */
  close?(): void | Promise<void>
}
