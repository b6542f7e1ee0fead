import { MillraceError } from '@millrace/kernel'
import type { Connection, NodeAddress, Transport } from '@millrace/protocol/internal'
import type { Reconnects } from './reconnects.ts'

/**
 * Connections of one user of the cluster, one per broker. Answers on a connection come in order, so a fetch that waits for data would
 * hold up everything behind it: each kind of traffic has its own lane.
 */
export class Lane {
  readonly #transport: Transport
  readonly #reconnects: Reconnects
  readonly #address: (nodeId: number) => NodeAddress | undefined
  readonly #connections = new Map<number, Promise<Connection>>()
  readonly #open = new Map<number, Connection>()
  readonly #abort = new AbortController()
  readonly #onClose: (lane: Lane) => void

  constructor(
    transport: Transport,
    reconnects: Reconnects,
    address: (nodeId: number) => NodeAddress | undefined,
    onClose: (lane: Lane) => void = () => {},
  ) {
    this.#transport = transport
    this.#reconnects = reconnects
    this.#address = address
    this.#onClose = onClose
  }

  get closed(): boolean {
    return this.#abort.signal.aborted
  }

  /** The connection if it stands already. */
  established(nodeId: number): Connection | undefined {
    return this.#open.get(nodeId)
  }

  /** @throws CONNECTION_REFUSED, CLOSED, BROKER_NOT_AVAILABLE when the node is not known. */
  to(nodeId: number): Promise<Connection> {
    const address = this.#address(nodeId)
    if (address !== undefined) return this.toAddress(address)
    return Promise.reject(new MillraceError('BROKER_NOT_AVAILABLE', 'no address is known', { place: `node ${nodeId}` }))
  }

  toAddress(node: NodeAddress): Promise<Connection> {
    if (this.closed) return Promise.reject(new MillraceError('CLOSED', 'the client was closed'))
    const standing = this.#connections.get(node.nodeId)
    if (standing !== undefined) return standing
    const connecting = this.#connect(node)
    this.#connections.set(node.nodeId, connecting)
    return connecting
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.#abort.abort()
    this.#onClose(this)
    const closing = [...this.#connections.values()]
    this.#connections.clear()
    this.#open.clear()
    await Promise.all(closing.map((connecting) => connecting.then((connection) => connection.close()).catch(() => {})))
  }

  async #connect(node: NodeAddress): Promise<Connection> {
    try {
      await this.#reconnects.rested(node.nodeId, this.#abort.signal)
      const connection = await this.#transport.connect(node, this.#abort.signal)
      this.#reconnects.connected(node.nodeId)
      if (this.closed) {
        await connection.close()
        throw new MillraceError('CLOSED', 'the client was closed')
      }
      this.#open.set(node.nodeId, connection)
      connection.closed.then(
        () => this.#forget(node.nodeId, connection),
        () => this.#forget(node.nodeId, connection),
      )
      return connection
    } catch (error) {
      this.#connections.delete(node.nodeId)
      if (!this.closed) this.#reconnects.failed(node.nodeId)
      throw error
    }
  }

  #forget(nodeId: number, connection: Connection): void {
    if (this.#open.get(nodeId) !== connection) return
    this.#open.delete(nodeId)
    this.#connections.delete(nodeId)
  }
}
