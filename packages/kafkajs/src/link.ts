import type { ApiName, Cluster, Connection, Partially, RequestOf, ResponseOf } from '@millrace/client/internal'
import { errorCodeOf, type Ports } from '@millrace/kernel'
import { loadClient, loadedClient } from './client-module.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { KafkaJSProtocolError } from './errors.ts'
import { protocolFailure } from './failure.ts'
import { type Logger, logOver } from './logger.ts'
import { type RetryPolicy, retrying, totalPauseMs } from './retry.ts'
import { observed, type WireWatcher } from './wire/observed-transport.ts'

export interface LinkOptions {
  readonly ports: Ports
  readonly settings: ConnectionSettings
  readonly retry: RetryPolicy
  readonly logger: Logger
  readonly watcher: WireWatcher
  /** Metadata is asked for anew at this pace, so that a topic that has grown is noticed. */
  readonly metadataMaxAgeMs: number
  readonly allowAutoTopicCreation: boolean
}

type Metadata = ResponseOf<'metadata'>

/** The way of one producer, consumer or admin to the cluster: opened, closed, and opened again. */
export class Link {
  readonly retry: RetryPolicy
  readonly requestTimeoutMs: number
  readonly clientId: string
  readonly ports: Ports
  readonly #options: LinkOptions
  #opening: Promise<Cluster> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.retry = options.retry
    this.requestTimeoutMs = options.settings.requestTimeoutMs
    this.clientId = options.settings.clientId
    this.ports = { ...options.ports, log: logOver(options.logger.namespace('Client')) }
  }

  /** How long a call may take that is tried again by itself: a request, and the pauses of the retries. */
  get patienceMs(): number {
    return Math.min(86_400_000, this.requestTimeoutMs + totalPauseMs(this.retry))
  }

  /** Connects to a broker; at once where that has been done. @throws KafkaJSNumberOfRetriesExceeded, and others */
  open(): Promise<Cluster> {
    if (this.#opening !== undefined) return this.#opening
    const opening = this.#open().catch((error: unknown) => {
      if (this.#opening === opening) this.#opening = undefined
      throw error
    })
    this.#opening = opening
    return opening
  }

  async #open(): Promise<Cluster> {
    const { ports, settings, watcher, metadataMaxAgeMs } = this.#options
    const { Cluster, apiOf } = await loadClient()
    return this.retrying(async () => {
      const transport = observed(await settings.transport(ports), watcher, apiOf)
      const made = new Cluster(transport, this.ports, metadataMaxAgeMs)
      try {
        await made.any()
        return made
      } catch (error) {
        await made.close()
        throw error
      }
    })
  }

  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    if (opening === undefined) return
    const cluster = await opening.catch(() => undefined)
    await cluster?.close()
  }

  /** @throws the last failure as kafkajs has it: see `retrying` */
  retrying<T>(attempt: (retryCount: number) => Promise<T>, mayRetry?: (error: Error) => boolean): Promise<T> {
    return retrying(this.ports, this.retry, attempt, mayRetry)
  }

  /**
   * Topics as the brokers tell of them, made where they are missing and may be. Tried again while they are not ready.
   *
   * @throws KafkaJSProtocolError of the first topic that has an error
   */
  metadata(topics: readonly string[] | null, mayRetry?: (error: Error) => boolean): Promise<Metadata> {
    return this.retrying(async () => {
      const cluster = await this.open()
      const answer = await this.ask(await cluster.any(), 'metadata', {
        topics: topics?.map((name) => ({ name })) ?? null,
        allowAutoTopicCreation: this.#options.allowAutoTopicCreation,
      })
      for (const topic of answer.topics) {
        throwIfRefused(topic.errorCode)
        for (const partition of topic.partitions) {
          if (errorCodeOf(partition.errorCode) === 'LEADER_NOT_AVAILABLE') throwIfRefused(partition.errorCode)
        }
      }
      return answer
    }, mayRetry)
  }

  ask<A extends ApiName>(connection: Connection, api: A, request: Partially<RequestOf<A>>): Promise<ResponseOf<A>> {
    return connection.send(api, loadedClient().fill(api, 'request', request), { timeoutMs: this.requestTimeoutMs })
  }
}

/** @throws KafkaJSProtocolError for an error code of an answer */
export function throwIfRefused(errorCode: number, message?: string | null): void {
  if (errorCode === 0) return
  throw refusal(errorCode, message)
}

export function refusal(errorCode: number, message?: string | null): KafkaJSProtocolError {
  return new KafkaJSProtocolError(protocolFailure(errorCodeOf(errorCode), message ?? undefined))
}
