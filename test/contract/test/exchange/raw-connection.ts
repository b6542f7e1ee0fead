import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import * as net from 'node:net'
import {
  type ApiName,
  apiOf,
  correlationIdOf,
  decodeResponse,
  encodeRequest,
  FrameSplitter,
  fill,
  type Partially,
  type RequestOf,
  type ResponseOf,
  type VersionRange,
} from '@millrace/protocol/internal'

/** What came back: the answer, or that the server ended the connection instead. */
export type Answer<A extends ApiName> = ResponseOf<A> | 'closed'

/** Longer than any long poll of a case. */
const answerMs = 20_000

interface Waiting {
  readonly correlationId: number
  answered(frame: Buffer): void
  closed(): void
}

/** A socket that speaks any version of any API, one request at a time or many in flight. */
export class RawConnection {
  readonly #socket: net.Socket
  readonly #waiting: Waiting[] = []
  readonly clientId: string
  #correlationId = 0
  #closed = false
  /** What the server offers, by API key. */
  offered: ReadonlyMap<number, VersionRange> = new Map()

  private constructor(socket: net.Socket, clientId: string) {
    this.#socket = socket
    this.clientId = clientId
    const splitter = new FrameSplitter('test')
    socket.on('data', (chunk: Buffer) => splitter.push(chunk, (frame) => this.#answered(frame)))
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#closed = true
      for (const waiting of this.#waiting.splice(0)) waiting.closed()
    })
  }

  static async connect(address: string, clientId = 'contract'): Promise<RawConnection> {
    const [host = '', port = ''] = address.split(':')
    const socket = net.connect({ host, port: Number(port), noDelay: true })
    await once(socket, 'connect')
    const connection = new RawConnection(socket, clientId)
    const request = { clientSoftwareName: 'contract', clientSoftwareVersion: '1' }
    const answer = await connection.ask('apiVersions', 3, request)
    if (answer === 'closed') throw new Error(`${address} closes on ApiVersions`)
    connection.offered = new Map(
      answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }]),
    )
    return connection
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The versions of an API that both this codec and the server have. */
  versionsOf(api: ApiName): number[] {
    const { key, versions } = apiOf(api)
    const offered = this.offered.get(key)
    if (offered === undefined) return []
    const min = Math.max(versions.min, offered.min)
    const max = Math.min(versions.max, offered.max)
    return Array.from({ length: Math.max(0, max - min + 1) }, (_, i) => min + i)
  }

  ask<A extends ApiName>(api: A, version: number, request: Partially<RequestOf<A>>): Promise<Answer<A>> {
    const frame = this.encoded(api, version, request)
    return this.exchange(frame, (answer) => decodeResponse(api, version, answer))
  }

  encoded<A extends ApiName>(api: A, version: number, request: Partially<RequestOf<A>>): Buffer {
    const header = { correlationId: ++this.#correlationId, clientId: this.clientId }
    return Buffer.concat(encodeRequest(api, version, header, fill(api, 'request', request)).pieces)
  }

  /** Sends a frame as it is, with the correlation id that stands in it. */
  exchange<T>(frame: Buffer, read: (answer: Buffer) => T): Promise<T | 'closed'> {
    if (this.#closed) return Promise.resolve('closed')
    return new Promise((resolve, reject) => {
      const silence = setTimeout(() => {
        reject(new Error(`no answer to ${frame.toString('hex', 4, 40)} within ${answerMs} ms`))
        this.#socket.destroy()
      }, answerMs)
      this.#waiting.push({
        correlationId: frame.readInt32BE(8),
        closed: () => {
          clearTimeout(silence)
          resolve('closed')
        },
        answered: (answer) => {
          clearTimeout(silence)
          try {
            resolve(read(answer))
          } catch (error) {
            reject(error)
          }
        },
      })
      this.#socket.write(frame)
    })
  }

  /** Sends and waits for nothing: produce with acks=0. */
  write(frame: Buffer): void {
    this.#socket.write(frame)
  }

  close(): void {
    this.#socket.destroy()
  }

  #answered(frame: Buffer): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined || waiting.correlationId !== correlationIdOf(frame)) {
      this.#socket.destroy(new Error('an answer came out of order'))
      waiting?.closed()
      return
    }
    waiting.answered(frame)
  }
}
