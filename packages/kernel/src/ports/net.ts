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
  /** Who the peer is by its certificate, as RFC 2253 writes it; undefined without one that is trusted. */
  readonly peerSubject?: string | undefined
  /**
   * Queues bytes; they belong to the socket until sent. Returns false when more is queued than `writeBufferMax`: wait
   * for `drained`.
   */
  write(bytes: Uint8Array): boolean
  /**
   * Several pieces in one go (writev).
   *
   * @param done called once, when the socket will not look at the pieces any more: they are sent, or never will be
   */
  writeAll(pieces: readonly Uint8Array[], done?: () => void): boolean
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
  /** Other certificates for connections from now on. Only of a listener with TLS. @throws CONFIG as `listen` does */
  renewTls?(tls: TlsOptions): void
}

/** Certificates and keys as PEM text. */
export interface TlsOptions {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Opens an encrypted key. */
  readonly passphrase?: string | undefined
  /**
   * Of a listener: whether clients show certificates. One that is shown must be signed by `ca`, also where it is only
   * requested. @default 'none'
   */
  readonly clientAuth?: 'none' | 'requested' | 'required' | undefined
  readonly serverName?: string | undefined
  /** Of a client: false takes any certificate for the server's, also a stranger's. @default true */
  readonly rejectUnauthorized?: boolean | undefined
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
   * taken, naming it, or certificate and key cannot be used.
   */
  listen(
    address: {
      readonly host: string
      readonly port: number
      readonly tls?: TlsOptions | undefined
      /** With TLS: connections that may be open, those in their handshake included; one more is closed at once. */
      readonly connectionsMax?: number | undefined
    },
    accept: (socket: Socket) => SocketHandlers,
  ): Promise<Listener>
}
