import { Buffer } from 'node:buffer'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { codeOf, configError, MillraceError, messageOf } from '../errors.ts'
import { KiB, MiB } from '../memory-sizes.ts'
import type { Listener, Net, Socket, SocketHandlers, TlsOptions } from '../ports/net.ts'
import { readInto } from './accepted.ts'

export interface NodeNetOptions {
  /** Above this many queued bytes `write` says false. @default 4 MiB */
  readonly writeBufferMax?: number | undefined
}

/** Each outgoing connection reads into one buffer of its own, over and over: twice as fast as `data` events. */
const readBufferBytes = 256 * KiB
/** All connections of a listener read into one buffer: what a handler gets is its own only during the call. */
const acceptedBufferBytes = 128 * KiB
/** Answers of one turn go out together, up to so many bytes. */
const gatheredBytesMax = 64 * KiB
/** A peer that has not finished its TLS handshake by then is gone. */
const handshakeMs = 10_000

/** Sockets of the operating system, with TLS where asked. Nagle is off, keep-alive on. */
export function nodeNet(options: NodeNetOptions = {}): Net {
  const writeBufferMax = options.writeBufferMax ?? 4 * MiB
  return {
    connect: (address, handlers) => connect(address, handlers, writeBufferMax),
    listen: (address, accept) => listen(address, accept, writeBufferMax),
  }
}

type Target = Parameters<Net['connect']>[0]

function connect(address: Target, handlers: SocketHandlers, writeBufferMax: number): Promise<Socket> {
  const place = `${address.host}:${address.port}`
  return new Promise((resolve, reject) => {
    const stream = open(address, (chunk) => socket.received(chunk))
    const timer = setTimeout(() => failed(new Error(`no answer within ${address.timeoutMs} ms`)), address.timeoutMs)
    const socket = new NodeSocket(stream, place, writeBufferMax)
    const failed = (error: unknown): void => {
      clearTimeout(timer)
      stream.removeAllListeners()
      stream.on('error', () => {}) // whatever it still says, the connection was given up
      stream.destroy()
      const fix = 'Is the server running and does it listen on this address?'
      reject(new MillraceError('CONNECTION_REFUSED', reasonOf(error), { place, fix, cause: error }))
    }
    stream.once('error', failed)
    stream.once(address.tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      stream.removeListener('error', failed)
      socket.attach(handlers)
      resolve(socket)
    })
  })
}

function open(address: Target, received: (chunk: Buffer) => void): net.Socket {
  const { host, port } = address
  if (address.tls !== undefined) {
    const stream = tls.connect({ host, port, ...secureOptions(address.tls, host) })
    stream.setNoDelay(true)
    return stream.on('data', received)
  }
  const buffer = Buffer.allocUnsafeSlow(readBufferBytes)
  const onread = {
    buffer,
    callback: (bytes: number) => {
      received(buffer.subarray(0, bytes))
      return true
    },
  }
  return net.connect({ host, port, noDelay: true, keepAlive: true, onread })
}

function listen(
  address: Parameters<Net['listen']>[0],
  accept: (socket: Socket) => SocketHandlers,
  writeBufferMax: number,
): Promise<Listener> {
  const { host, port } = address
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    const error = configError(`listen ${host}`, 'needs a port from 0 to 65535', port, 'Port 0 takes a free one.')
    return Promise.reject(error)
  }
  const buffer = Buffer.allocUnsafeSlow(address.tls === undefined ? acceptedBufferBytes : 0)
  const accepted = (stream: net.Socket): void => {
    if (stream instanceof tls.TLSSocket && isStranger(stream, address.tls)) {
      stream.destroy()
      return
    }
    const remote = `${stream.remoteAddress}:${stream.remotePort}`
    const received = (chunk: Buffer): void => socket.received(chunk)
    const direct = address.tls === undefined ? readInto(buffer, stream, received) : undefined
    const socket = new NodeSocket(direct ?? stream, remote, writeBufferMax, true)
    if (direct === undefined) stream.on('data', received).resume()
    socket.attach(accept(socket))
  }
  let server: net.Server
  try {
    server = address.tls === undefined ? plainServer(accepted) : secureServer(address.tls, accepted)
  } catch (error) {
    return Promise.reject(tlsError(error, host, port))
  }
  if (address.tls !== undefined && address.connectionsMax !== undefined) server.maxConnections = address.connectionsMax

  return new Promise((resolve, reject) => {
    // After the start this also takes what accepting runs into, such as too many open files: the next one may succeed.
    server.on('error', (error) => reject(listenError(error, host, port)))
    server.listen({ host, port }, () => {
      const bound = server.address()
      const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
      resolve({
        host,
        port: boundPort,
        close: () => stopAccepting(server),
        ...(server instanceof tls.Server && { renewTls: (renewed) => renew(server, renewed, host, boundPort) }),
      })
    })
  })
}

function plainServer(accepted: (stream: net.Socket) => void): net.Server {
  return net.createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, accepted)
}

function secureServer(options: TlsOptions, accepted: (stream: net.Socket) => void): tls.Server {
  const { clientAuth = 'none' } = options
  const server = tls.createServer(
    {
      noDelay: true,
      keepAlive: true,
      handshakeTimeout: handshakeMs,
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'required',
      ...secureOptions(options, undefined),
    },
    accepted,
  )
  // A handshake that fails is the peer's affair; `tls` closes its connection.
  server.on('tlsClientError', () => {})
  return server
}

/** A certificate was shown although none was needed, and nobody we trust has signed it. */
function isStranger(stream: tls.TLSSocket, { clientAuth = 'none' }: TlsOptions = {}): boolean {
  return clientAuth !== 'none' && !stream.authorized && stream.getPeerX509Certificate() !== undefined
}

function renew(server: tls.Server, options: TlsOptions, host: string, port: number): void {
  try {
    server.setSecureContext(secureOptions(options, undefined))
  } catch (error) {
    throw tlsError(error, host, port)
  }
}

/** The port is free at once. Node's own callback would come only with the end of the last connection. */
async function stopAccepting(server: net.Server): Promise<void> {
  server.close()
}

class NodeSocket implements Socket {
  readonly remote: string
  readonly peerSubject: string | undefined
  readonly #stream: net.Socket
  readonly #writeBufferMax: number
  #handlers: SocketHandlers | undefined
  #waiting: (() => void)[] = []
  readonly #unsent = new Set<() => void>()
  #error: Error | undefined
  readonly #gathers: boolean
  #gathering = false

  /** @param gathers what is written in one turn leaves at its end, in one call of the system */
  constructor(stream: net.Socket, remote: string, writeBufferMax: number, gathers = false) {
    this.#stream = stream
    this.#gathers = gathers
    this.#writeBufferMax = writeBufferMax
    this.remote = remote
    this.peerSubject = subjectOf(stream)
  }

  attach(handlers: SocketHandlers): void {
    this.#handlers = handlers
    this.#stream.on('error', (error: Error) => {
      this.#error ??= error
    })
    this.#stream.once('close', () => {
      this.#releaseWaiting()
      this.#releaseUnsent()
      this.#handlers = undefined
      handlers.closed(this.#error === undefined ? undefined : lost(this.#error, this.remote))
    })
  }

  /** A handler that throws costs its own connection, not the process. */
  received(chunk: Buffer): void {
    if (this.#stream.destroyed) return
    try {
      this.#handlers?.data(chunk)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(messageOf(error)))
    }
  }

  get queuedBytes(): number {
    return this.#stream.writableLength
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#stream.writable) return false
    this.#gather(bytes.length)
    this.#stream.write(bytes, this.#written)
    return this.#stream.writableLength <= this.#writeBufferMax
  }

  writeAll(pieces: readonly Uint8Array[], done?: () => void): boolean {
    if (!this.#stream.writable || pieces.length === 0) {
      done?.() // nothing of it is queued
      return this.#stream.writable
    }
    if (done !== undefined) this.#unsent.add(done)
    const last = pieces.length - 1
    this.#stream.cork()
    this.#gather(bytesOf(pieces))
    for (let i = 0; i < last; i++) this.#stream.write(pieces[i]!, this.#written)
    this.#stream.write(pieces[last]!, done === undefined ? this.#written : () => this.#sent(done))
    this.#stream.uncork()
    return this.#stream.writableLength <= this.#writeBufferMax
  }

  drained(): Promise<void> {
    if (this.#stream.destroyed || this.#stream.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  destroy(error?: Error): void {
    this.#error ??= error
    this.#gathered() // what was written before goes out before
    this.#stream.destroy()
  }

  /**
   * A client that sends several requests at once finds them read together and answered in one turn: to send each
   * answer by itself costs as much as the rest of its work. Large ones are sent at once, with all that waits.
   */
  #gather(bytes: number): void {
    if (!this.#gathers) return
    if (this.#stream.writableLength + bytes > gatheredBytesMax) {
      this.#gathered()
      return
    }
    if (this.#gathering) return
    this.#gathering = true
    this.#stream.cork()
    process.nextTick(this.#gathered) // behind the promises of this turn
  }

  readonly #gathered = (): void => {
    if (!this.#gathering) return
    this.#gathering = false
    this.#stream.uncork()
  }

  /** One function for all writes, so that a write allocates none. */
  readonly #written = (): void => {
    if (this.#waiting.length > 0 && this.#stream.writableLength === 0) this.#releaseWaiting()
  }

  /**
   * Node calls back for what it has queued as soon as a socket is destroyed, also when a piece is still with the
   * system: only the end of the socket tells then that nobody reads from it.
   */
  #sent(done: () => void): void {
    if (!this.#stream.destroyed && this.#unsent.delete(done)) done()
    this.#written()
  }

  #releaseUnsent(): void {
    const unsent = [...this.#unsent]
    this.#unsent.clear()
    for (const done of unsent) done()
  }

  #releaseWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const release of waiting) release()
  }
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0
  for (const piece of pieces) bytes += piece.length
  return bytes
}

/** The name in a trusted certificate: most particular part first, commas between, as RFC 2253 and Java write it. */
function subjectOf(stream: net.Socket): string | undefined {
  if (!(stream instanceof tls.TLSSocket) || !stream.authorized) return undefined
  const lines = stream.getPeerX509Certificate()?.subject.split('\n')
  return lines?.reverse().join(',')
}

function secureOptions(options: TlsOptions, host: string | undefined): tls.TlsOptions & tls.ConnectionOptions {
  const { ca, cert, key, passphrase, serverName = host } = options
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(host !== undefined && options.rejectUnauthorized === false ? { rejectUnauthorized: false } : {}),
    // An address is no server name (RFC 6066); the certificate is checked against it all the same.
    ...(serverName === undefined || net.isIP(serverName) !== 0 ? {} : { servername: serverName }),
  }
}

function lost(error: Error, remote: string): Error {
  if (error instanceof MillraceError) return error
  return new MillraceError('CONNECTION_LOST', reasonOf(error), { place: remote, cause: error })
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'nobody listens there'
    case 'ENOTFOUND':
      return 'the host name is not known'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the peer cut the connection'
    default:
      return messageOf(error)
  }
}

const listenProblems: Readonly<Record<string, readonly [problem: string, fix: string]>> = {
  EADDRINUSE: ['the port is taken by another process', 'Stop it or choose another port; port 0 takes a free one.'],
  EACCES: ['this user may not open the port', 'Choose a port above 1023.'],
  EADDRNOTAVAIL: ['the address is not one of this machine', 'Use 127.0.0.1, 0.0.0.0 or an address of this machine.'],
  ENOTFOUND: ['the host name is not known', 'Use 127.0.0.1, 0.0.0.0 or an address of this machine.'],
}

function listenError(error: Error, host: string, port: number): MillraceError {
  const [problem, fix] = listenProblems[codeOf(error) ?? ''] ?? [messageOf(error), undefined]
  return new MillraceError('CONFIG', problem, { place: `listen ${host}:${port}`, fix, cause: error })
}

function tlsError(error: unknown, host: string, port: number): MillraceError {
  const fix = 'They are PEM text, the key is the one of the certificate, and its password is right.'
  const place = `listen ${host}:${port}`
  return new MillraceError('CONFIG', `certificate and key cannot be used: ${messageOf(error)}`, {
    place,
    fix,
    cause: error,
  })
}
