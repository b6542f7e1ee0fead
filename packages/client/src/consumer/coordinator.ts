import type { Connection } from '@millrace/protocol/internal'
import { retrying } from '../cluster/backoff.ts'
import type { Cluster, CoordinatorKind } from '../cluster/cluster.ts'
import type { Lane } from '../cluster/lane.ts'

/** The way to the broker that coordinates a group, or a transactional id; found anew when it has moved. */
export class Coordinator {
  readonly groupId: string
  readonly #kind: CoordinatorKind
  readonly #cluster: Cluster
  readonly #lane: Lane
  #node: number | undefined

  constructor(cluster: Cluster, groupId: string, kind: CoordinatorKind = 'group') {
    this.#cluster = cluster
    this.#kind = kind
    this.groupId = groupId
    this.#lane = cluster.lane()
  }

  /** Forget who it is: an error said that it is somebody else, or nobody answers there. */
  forget(): void {
    this.#node = undefined
  }

  async connection(): Promise<Connection> {
    this.#node ??= await this.#cluster.coordinator(this.#kind, this.groupId)
    try {
      return this.#lane.established(this.#node) ?? (await this.#lane.to(this.#node))
    } catch (error) {
      this.forget()
      throw error
    }
  }

  /** A connection on which nothing waits: a round of the group may hold the other one for minutes. */
  async aside(): Promise<Connection> {
    this.#node ??= await this.#cluster.coordinator(this.#kind, this.groupId)
    return this.#cluster.to(this.#node)
  }

  /** Runs a request against the coordinator, again where `remedyFor` allows it. */
  retrying<T>(timeoutMs: number, request: (connection: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, random } = this.#cluster.ports
    const refresh = async () => this.forget()
    return retrying({ clock, random, timeoutMs, signal, refresh }, async () => request(await this.connection()))
  }

  close(): Promise<void> {
    return this.#lane.close()
  }
}
