import type { ApiName, Connection, RequestOf, ResponseOf, SendOptions, Transport } from '@millrace/client/internal'

/** Number and versions of an API that we speak. */
export interface ApiVersions {
  readonly key: number
  readonly versions: { readonly max: number }
}

export type ApiOf = (api: ApiName) => ApiVersions

/** One request on its way, as a watcher sees it. */
export interface Exchange {
  readonly api: ApiName
  readonly connection: Connection
  readonly versions: ApiVersions
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
export function observed(transport: Transport, watcher: WireWatcher, apiOf: ApiOf): Transport {
  return {
    bootstrap: transport.bootstrap,
    connect: async (node, signal) => new ObservedConnection(await transport.connect(node, signal), watcher, apiOf),
  }
}

class ObservedConnection implements Connection {
  readonly #inner: Connection
  readonly #watcher: WireWatcher
  readonly #apiOf: ApiOf
  #correlationId = 0

  constructor(inner: Connection, watcher: WireWatcher, apiOf: ApiOf) {
    this.#inner = inner
    this.#watcher = watcher
    this.#apiOf = apiOf
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
    const versions = this.#apiOf(api)
    const exchange = { api, connection: this.#inner, versions, startedAtMs, correlationId: this.#correlationId++ }
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
