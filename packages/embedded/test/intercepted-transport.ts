import type { ApiName, Connection, Transport } from '@millrace/protocol/internal'

/** Sends the request by calling `send`, now, later or not at all. What it resolves with is the answer. */
export type Around = <T>(api: ApiName, send: () => Promise<T>, connection: Connection) => Promise<T>

/** A transport whose every request goes through the test. */
export function intercepted(inner: Transport, around: Around): Transport {
  const wrap = (connection: Connection): Connection => ({
    node: connection.node,
    apiVersions: connection.apiVersions,
    features: connection.features,
    principal: connection.principal,
    closed: connection.closed,
    close: () => connection.close(),
    send: (api, request, options) => around(api, () => connection.send(api, request, options), connection),
  })
  return { bootstrap: inner.bootstrap, connect: async (node, signal) => wrap(await inner.connect(node, signal)) }
}
