import type { ApiName, Connection, NodeAddress, RequestOf, ResponseOf, Transport } from '@millrace/protocol/internal'
import { lost } from './commit-steps.ts'

const never = new Promise<never>(() => undefined)

/** Sends a request by calling `send`, now or not at all. */
export type Around = <T>(api: ApiName, send: () => Promise<T>) => Promise<T>

/** Connections that can be ended all at once, with whatever is on its way: by the death of either side. */
export class MortalTransport implements Transport {
  readonly bootstrap: readonly NodeAddress[]
  readonly #reach: () => Transport
  readonly #around: Around
  readonly #open = new Set<MortalConnection>()
  #isDead = false

  /** @param reach the way that stands at the moment. @throws while there is none */
  constructor(bootstrap: readonly NodeAddress[], reach: () => Transport, around: Around = (_, send) => send()) {
    this.bootstrap = bootstrap
    this.#reach = reach
    this.#around = around
  }

  async connect(node: NodeAddress, signal?: AbortSignal): Promise<Connection> {
    if (this.#isDead) return never
    const inner = await this.#reach().connect(node, signal)
    const connection = new MortalConnection(inner, this.#around)
    this.#open.add(connection)
    void connection.closed.then(() => this.#open.delete(connection))
    return connection
  }

  /** Ends what stands; new connections may be made. */
  cut(): void {
    for (const connection of [...this.#open]) connection.cut()
  }

  /** Whoever still waits belongs to a process that is gone, and is told nothing. */
  die(): void {
    this.#isDead = true
    for (const connection of [...this.#open]) connection.cut('silently')
  }
}

class MortalConnection implements Connection {
  readonly node: NodeAddress
  readonly apiVersions: Connection['apiVersions']
  readonly features: Connection['features']
  readonly principal: string
  readonly abortsAtOnce: boolean | undefined
  readonly closed: Promise<Error | undefined>
  readonly #inner: Connection
  readonly #around: Around
  /** Settles when it is cut, unless that is silent. */
  readonly #end: Promise<never>
  #reject: (error: Error) => void = () => undefined
  #isCut = false
  #isSilent = false

  constructor(inner: Connection, around: Around) {
    this.#inner = inner
    this.#around = around
    this.node = inner.node
    this.apiVersions = inner.apiVersions
    this.features = inner.features
    this.principal = inner.principal
    this.abortsAtOnce = inner.abortsAtOnce
    this.#end = new Promise((_, reject) => {
      this.#reject = reject
    })
    const closed = inner.closed.then((reason) => (this.#isCut ? this.#end : reason))
    this.closed = Promise.race([closed, this.#end]).catch((reason: Error) => reason)
  }

  async send<A extends ApiName>(
    api: A,
    request: RequestOf<A>,
    options?: Parameters<Connection['send']>[2],
  ): Promise<ResponseOf<A>> {
    if (this.#isCut) return this.#end
    const answer = this.#around(api, () => this.#inner.send(api, request, options)).catch((error: unknown) => {
      if (this.#isSilent) return never
      throw error
    })
    const answered = answer.then((response) => (this.#isCut ? this.#end : response))
    return Promise.race([answered, this.#end])
  }

  cut(how?: 'silently'): void {
    this.#isCut = true
    this.#isSilent = how === 'silently'
    if (!this.#isSilent) this.#reject(lost())
    this.#inner.close().catch(() => undefined) // nobody is there to be told
  }

  close(): Promise<void> {
    return this.#isSilent ? never : this.#inner.close()
  }
}
