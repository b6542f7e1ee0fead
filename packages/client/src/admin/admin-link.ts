import { codeOf, MillraceError } from '@millrace/kernel'
import {
  type ApiName,
  apiOf,
  type Connection,
  fill,
  type Partially,
  type RequestOf,
  type ResponseOf,
} from '@millrace/protocol/internal'
import { retrying } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { Coordinator } from '../consumer/coordinator.ts'
import type { CallOptions } from '../consumer.ts'

/** Of one call with all its attempts, and what a broker is told where a request has a timeout of its own. */
export const adminTimeoutMs = 30_000

/** How the admin's calls reach brokers: any one, the controller, one by its id, a coordinator; again where it helps. */
export class AdminLink {
  readonly cluster: Cluster
  #closed = false

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  close(): void {
    this.#closed = true
  }

  assertOpen(): void {
    if (this.#closed) throw new MillraceError('CLOSED', 'the admin is closed')
  }

  /** Until it succeeds, cannot succeed, or the time is over. */
  retrying<T>({ signal }: CallOptions, attempt: () => Promise<T>): Promise<T> {
    this.assertOpen()
    const { clock, random } = this.cluster.ports
    const refresh = () => this.cluster.refresh([])
    return retrying({ clock, random, timeoutMs: adminTimeoutMs, signal, refresh }, attempt)
  }

  ask<A extends ApiName>(
    connection: Connection,
    api: A,
    request: Partially<RequestOf<A>>,
    { signal }: CallOptions,
  ): Promise<ResponseOf<A>> {
    return connection.send(api, fill(api, 'request', request), { timeoutMs: adminTimeoutMs + 1_000, signal })
  }

  /** Of any broker, with retries. */
  askAny<A extends ApiName>(api: A, request: Partially<RequestOf<A>>, options: CallOptions): Promise<ResponseOf<A>> {
    return this.retrying(options, async () => this.ask(await this.cluster.any(), api, request, options))
  }

  /** Once: whoever calls looks at the answer's rows, and tries again. */
  async askController<A extends ApiName>(
    api: A,
    request: Partially<RequestOf<A>>,
    options: CallOptions,
  ): Promise<ResponseOf<A>> {
    return this.ask(await this.cluster.controller(), api, request, options)
  }

  /** As `askController`; tells `lost` of an attempt that may have been carried out, though nobody said so. */
  async askControllerNoting<A extends ApiName>(
    api: A,
    request: Partially<RequestOf<A>>,
    options: CallOptions,
    lost: () => void,
  ): Promise<ResponseOf<A>> {
    const connection = await this.cluster.controller()
    try {
      return await this.ask(connection, api, request, options)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'CONNECTION_LOST' || code === 'REQUEST_TIMED_OUT') lost()
      throw error
    }
  }

  /** Of one broker, with retries. */
  askNode<A extends ApiName>(
    nodeId: number,
    api: A,
    request: Partially<RequestOf<A>>,
    options: CallOptions,
  ): Promise<ResponseOf<A>> {
    return this.retrying(options, async () => this.ask(await this.cluster.to(nodeId), api, request, options))
  }

  /** Each broker's answer. */
  async askAll<A extends ApiName>(
    api: A,
    request: Partially<RequestOf<A>>,
    options: CallOptions,
  ): Promise<{ readonly nodeId: number; readonly answer: ResponseOf<A> }[]> {
    await this.retrying(options, () => this.cluster.refresh([]))
    const nodes = [...this.cluster.brokers()]
    return Promise.all(
      nodes.map(async (nodeId) => ({ nodeId, answer: await this.askNode(nodeId, api, request, options) })),
    )
  }

  /** At the broker that coordinates a group or a transactional id, with retries. */
  async withCoordinator<T>(
    kind: 'group' | 'transaction',
    key: string,
    options: CallOptions,
    request: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    this.assertOpen()
    const coordinator = new Coordinator(this.cluster, key, kind)
    try {
      return await coordinator.retrying(adminTimeoutMs, request, options.signal)
    } finally {
      await coordinator.close()
    }
  }

  /** Whether any broker offers it; one that is older is asked another way. */
  async offers(api: ApiName, options: CallOptions): Promise<boolean> {
    const connection = await this.retrying(options, () => this.cluster.any())
    return connection.apiVersions.has(apiOf(api).key)
  }
}
