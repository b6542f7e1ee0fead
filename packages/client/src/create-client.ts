import { configError, MillraceError } from '@millrace/kernel'
import { ClusterAdmin } from './admin/cluster-admin.ts'
import type { Admin } from './admin.ts'
import type { Client, ClientOptions } from './client.ts'
import { Cluster } from './cluster/cluster.ts'
import { PollingConsumer } from './consumer/polling-consumer.ts'
import type { CallOptions, Consumer, ConsumerOptions } from './consumer.ts'
import { refuseUnknown, wholeNumber } from './options.ts'
import { BatchingProducer } from './producer/batching-producer.ts'
import type { Producer, ProducerOptions } from './producer.ts'

/**
 * A client over a transport. Connects when something is asked of it, not before.
 *
 * @throws CONFIG for an option that is misspelt or missing.
 */
export function createClient(options: ClientOptions): Client {
  refuseUnknown('client', options, ['transport', 'ports', 'clientId', 'metadataMaxAgeMs'])
  if (options.transport === undefined) {
    throw configError('client.transport', 'is missing', undefined, 'Give tcpTransport(…) or an engine’s loopback().')
  }
  const maxAgeMs = wholeNumber('client.metadataMaxAgeMs', options.metadataMaxAgeMs, 300_000, 1, 86_400_000)
  return new ClusterClient(new Cluster(options.transport, options.ports, maxAgeMs))
}

class ClusterClient implements Client {
  readonly #cluster: Cluster
  readonly #made = new Set<{ close(options?: CallOptions): Promise<void> }>()
  #closing: Promise<void> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  producer(options: ProducerOptions = {}): Producer {
    this.#assertOpen()
    const producer: Producer = new BatchingProducer(this.#cluster, options, () => this.#made.delete(producer))
    this.#made.add(producer)
    return producer
  }

  consumer(options: ConsumerOptions = {}): Consumer {
    this.#assertOpen()
    const consumer: Consumer = new PollingConsumer(this.#cluster, options, () => this.#made.delete(consumer))
    this.#made.add(consumer)
    return consumer
  }

  admin(): Admin {
    this.#assertOpen()
    return new ClusterAdmin(this.#cluster)
  }

  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(options: CallOptions | undefined): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#made].map((made) => made.close(options)))
    await this.#cluster.close()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new MillraceError('CLOSED', 'the client is closed')
  }
}
