import type { Ports } from '@millrace/kernel'
import type { Transport } from '@millrace/protocol/internal'
import type { Admin } from './admin.ts'
import type { CallOptions, Consumer, ConsumerOptions } from './consumer.ts'
import type { Producer, ProducerOptions } from './producer.ts'

export interface ClientOptions {
  readonly transport: Transport
  readonly ports: Ports
  /** Shown by the broker. @default 'millrace' */
  readonly clientId?: string | undefined
  /**
   * How old what is known of brokers and topics may become before it is asked for anew, without any error. New partitions, and new
   * topics of a pattern, are found at this pace. @default 300000, as Kafka's metadata.max.age.ms
   */
  readonly metadataMaxAgeMs?: number | undefined
}

/** A cluster as seen through one transport: metadata and connections are shared by what it makes. */
export interface Client {
  producer(options?: ProducerOptions): Producer
  consumer(options?: ConsumerOptions): Consumer
  admin(): Admin
  /** Closes what it made, then its connections. The signal is handed to the `close` of each. */
  close(options?: CallOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
