import type { Buffer } from 'node:buffer'

export interface SocketHandlers {
  /** Borrowed bytes: valid only during the call. */
  data(bytes: Buffer): void
  /** Once, whatever the reason; no other handler is called after it. */
  closed(error: Error | undefined): void
}

/** A byte stream to a peer. */
export interface Socket {
  readonly remote: string
  /**
   * Queues bytes; they belong to the socket until sent. Returns false when more is queued than `writeBufferMax`: wait
   * for `drained`.
   */
  write(bytes: Uint8Array): boolean
  /** Several pieces in one go (writev). */
  writeAll(pieces: readonly Uint8Array[]): boolean
  /** Bytes queued and not yet taken by the system. */
  readonly queuedBytes: number
  /** Resolves when the queue is empty, or the socket closed. */
  drained(): Promise<void>
  /** Stops and restarts reading: how a server pushes back. */
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  destroy(error?: Error): void
}

export interface Listener {
  readonly host: string
  readonly port: number
  /** Accepts no more, and frees the port. Connections stay: they belong to whoever accepted them. */
  close(): Promise<void>
}

export interface TlsOptions {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly serverName?: string | undefined
}

export interface Net {
  /** @throws CONNECTION_REFUSED naming host, port and reason. */
  connect(
    address: {
      readonly host: string
      readonly port: number
      readonly tls?: TlsOptions | undefined
      readonly timeoutMs: number
    },
    handlers: SocketHandlers,
  ): Promise<Socket>
  /**
   * Port 0 picks a free one. `accept` returns the handlers of a new connection. @throws CONFIG when the port is
   * taken, naming it.
   */
  listen(
    address: { readonly host: string; readonly port: number; readonly tls?: TlsOptions | undefined },
    accept: (socket: Socket) => SocketHandlers,
  ): Promise<Listener>
}
