import type { ApiName, Connection, RequestOf, ResponseOf, SendOptions, Transport } from '@millrace/client/internal'

/** One request on its way, as a watcher sees it. */
export interface Exchange {
  readonly api: ApiName
  readonly connection: Connection
  readonly startedAtMs: number
  readonly correlationId: number
}

/** Looks at answers, by API. */
export type AnswerHooks = { readonly [A in ApiName]?: (exchange: Exchange, response: ResponseOf<A>) => void }

/** Looks at what goes over the wire. Nothing it does may change it. */
export interface WireWatcher {
  readonly hooks: AnswerHooks
  nowMs(): number
  sent(exchange: Exchange): void
  answered(exchange: Exchange): void
  failed(exchange: Exchange, error: unknown): void
}

/** A transport with a watcher: how events of kafkajs that the client below has no name for are known. */
export function observed(transport: Transport, watcher: WireWatcher): Transport {
  return {
    bootstrap: transport.bootstrap,
    connect: async (node, signal) => new ObservedConnection(await transport.connect(node, signal), watcher),
  }
}

class ObservedConnection implements Connection {
  readonly #inner: Connection
  readonly #watcher: WireWatcher
  #correlationId = 0

  constructor(inner: Connection, watcher: WireWatcher) {
    this.#inner = inner
    this.#watcher = watcher
  }

  get node() {
    return this.#inner.node
  }
  get apiVersions() {
    return this.#inner.apiVersions
  }
  get features() {
    return this.#inner.features
  }
  get principal() {
    return this.#inner.principal
  }
  get abortsAtOnce() {
    return this.#inner.abortsAtOnce
  }
  get closed() {
    return this.#inner.closed
  }

  send<A extends ApiName>(api: A, request: RequestOf<A>, options?: SendOptions): Promise<ResponseOf<A>> {
    const startedAtMs = this.#watcher.nowMs()
    const exchange = { api, connection: this.#inner, startedAtMs, correlationId: this.#correlationId++ }
    this.#watcher.sent(exchange)
    const answer = this.#inner.send(api, request, options)
    answer.then(
      (response) => {
        this.#watcher.answered(exchange)
        hookFor(this.#watcher.hooks, api)?.(exchange, response)
      },
      (error: unknown) => this.#watcher.failed(exchange, error),
    )
    return answer
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

function hookFor<A extends ApiName>(
  hooks: AnswerHooks,
  api: A,
): ((exchange: Exchange, response: ResponseOf<A>) => void) | undefined {
  return hooks[api]
}
