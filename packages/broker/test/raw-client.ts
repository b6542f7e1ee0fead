import { Buffer } from 'node:buffer'
import * as net from 'node:net'
import {
  type ApiName,
  correlationIdOf,
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  type RequestOf,
  type ResponseOf,
} from '@millrace/protocol/internal'

/** A socket with nothing between it and the test. */
export class RawClient {
  readonly socket: net.Socket
  readonly ended: Promise<void>
  readonly frames: Buffer[] = []
  #wake: (() => void) | undefined
  #closed = false

  private constructor(socket: net.Socket) {
    this.socket = socket
    const splitter = new FrameSplitter('test')
    socket.on('data', (chunk: Buffer) => {
      splitter.push(chunk, (frame) => this.frames.push(frame))
      this.#wake?.()
    })
    socket.on('error', () => {})
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#closed = true
        this.#wake?.()
        resolve()
      })
    })
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.removeListener('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  send<A extends ApiName>(api: A, version: number, correlationId: number, request: RequestOf<A>): void {
    this.write(Buffer.concat(encodeRequest(api, version, { correlationId, clientId: 'raw' }, request).pieces))
  }

  /** The next answer; undefined when the connection has ended before it came. */
  async next(): Promise<Buffer | undefined> {
    while (this.frames.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.frames.shift()
  }

  async answer<A extends ApiName>(api: A, version: number): Promise<{ correlationId: number; value: ResponseOf<A> }> {
    const frame = await this.next()
    if (frame === undefined) throw new Error(`the connection ended before ${api} was answered`)
    return { correlationId: correlationIdOf(frame), value: decodeResponse(api, version, frame) }
  }

  close(): void {
    this.socket.destroy()
  }
}
