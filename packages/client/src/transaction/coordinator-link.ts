import { kafkaError } from '@millrace/kernel'
import { type Connection, fill } from '@millrace/protocol/internal'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import type { Lane } from '../cluster/lane.ts'

/** As on the wire. */
const keyTypes = { group: 0, 'transactional id': 1 } as const

/** The way to whoever coordinates a group or a transactional id. It is found anew when it has moved. */
export class CoordinatorLink {
  readonly #cluster: Cluster
  readonly #kind: keyof typeof keyTypes
  readonly #key: string
  readonly #lane: Lane
  #node: number | undefined

  constructor(cluster: Cluster, kind: keyof typeof keyTypes, key: string) {
    this.#cluster = cluster
    this.#kind = kind
    this.#key = key
    this.#lane = cluster.lane()
  }

  /** Forget who it is: it said that it is somebody else, or nobody answers there. */
  forget(): void {
    this.#node = undefined
  }

  /** @throws COORDINATOR_NOT_AVAILABLE and the like, to be retried; what the lookup is refused for. */
  async connection(): Promise<Connection> {
    const known = this.#node === undefined ? undefined : this.#lane.established(this.#node)
    if (known !== undefined) return known
    this.#node ??= await this.#find()
    return this.#lane.to(this.#node)
  }

  close(): Promise<void> {
    return this.#lane.close()
  }

  async #find(): Promise<number> {
    const place = `${this.#kind} ${this.#key}`
    const connection = await this.#cluster.any()
    const request = fill('findCoordinator', 'request', {
      keyType: keyTypes[this.#kind],
      coordinatorKeys: [this.#key],
    })
    const answer = (await connection.send('findCoordinator', request)).coordinators[0]
    if (answer === undefined) throw kafkaError('COORDINATOR_NOT_AVAILABLE', place)
    throwIfError(answer.errorCode, place, answer.errorMessage ?? undefined)
    this.#cluster.learn({ nodeId: answer.nodeId, host: answer.host, port: answer.port })
    return answer.nodeId
  }
}
