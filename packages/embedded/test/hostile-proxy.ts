import { Buffer } from 'node:buffer'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as later } from 'node:timers/promises'
import { SimRandom } from '@millrace/kernel/sim'

/** What happens to one request and its answer. All but the first three end the connection. */
export type FrameFate =
  | 'passed'
  | 'answered late'
  | 'answered byte by byte'
  | 'request lost'
  | 'request cut'
  | 'request late'
  | 'answer lost'
  | 'answer cut'

const harms: readonly FrameFate[] = [
  'answered late',
  'answered byte by byte',
  'request lost',
  'request cut',
  'request late',
  'answer lost',
  'answer cut',
]

export interface Target {
  readonly host: string
  readonly port: number
}

/**
 * A network that means ill, between Kafka clients and one broker. Frame by frame it decides, by a seed, whether the request
 * or the answer is lost, cut in two, late, or comes in drops. Where the way back is cut, the broker may still get the request
 * a while after the client has gone elsewhere. Not for requests without an answer (acks 0).
 */
export class HostileProxy {
  readonly port: number
  target: Target
  /** The share of requests that meet harm. */
  hostility = 0
  /** Which harm there is. */
  fates: readonly FrameFate[] = harms
  /** Longest delay. */
  lateMs = 20
  /** New connections are ended at once. */
  refusing = false
  /** Requests go nowhere. */
  silent = false
  #met: (() => void)[] = []
  /** What was done, by fate. */
  readonly done = new Map<FrameFate, number>()
  readonly #server: Server
  readonly #links = new Set<Link>()
  #random = new SimRandom(1)

  static async start(target: Target = { host: '127.0.0.1', port: 0 }, port = 0): Promise<HostileProxy> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new HostileProxy(server, address.port, target)
  }

  private constructor(server: Server, port: number, target: Target) {
    this.#server = server
    this.port = port
    this.target = target
    server.on('connection', (socket) => {
      if (this.refusing) {
        this.tell()
        socket.destroy()
      } else this.#links.add(new Link(socket, this, (link) => this.#links.delete(link)))
    })
  }

  /** Resolves when the next request, or connection, comes to nothing. */
  met(): Promise<void> {
    return new Promise((resolve) => this.#met.push(resolve))
  }

  tell(): void {
    for (const met of this.#met.splice(0)) met()
  }

  seed(seed: number): void {
    this.#random = new SimRandom(seed)
  }

  draw(): FrameFate {
    const harmed = this.#random.next() < this.hostility
    const fate = harmed ? this.fates[this.#random.integer(this.fates.length)]! : 'passed'
    this.done.set(fate, (this.done.get(fate) ?? 0) + 1)
    return fate
  }

  /** A whole number in [0, limit). */
  integer(limit: number): number {
    return this.#random.integer(limit)
  }

  pause(): Promise<void> {
    return later(1 + this.#random.integer(this.lateMs))
  }

  /** Lets nobody in for a while. */
  refuse(ms: number): void {
    this.refusing = true
    setTimeout(() => {
      this.refusing = false
    }, ms)
  }

  /** Ends all connections. */
  cut(): void {
    for (const link of [...this.#links]) link.cut()
  }

  async stop(): Promise<void> {
    this.refusing = true
    this.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

/** One connection, and the one behind it. */
class Link {
  readonly #proxy: HostileProxy
  readonly #client: Socket
  readonly #broker: Socket
  readonly #onEnd: (link: Link) => void
  /** Of requests that were passed on, in order. */
  readonly #fates: FrameFate[] = []
  /** Frames are carried one after the other, each way. */
  #requests: Promise<void> = Promise.resolve()
  #answers: Promise<void> = Promise.resolve()
  #isCut = false

  constructor(client: Socket, proxy: HostileProxy, onEnd: (link: Link) => void) {
    this.#proxy = proxy
    this.#client = client
    this.#onEnd = onEnd
    this.#broker = connect(proxy.target.port, proxy.target.host)
    for (const socket of [client, this.#broker]) {
      socket.setNoDelay(true)
      socket.on('error', () => this.cut())
      socket.on('close', () => this.cut())
    }
    const requests = new Frames()
    client.on('data', (bytes) => {
      for (const frame of requests.push(bytes)) this.#requests = this.#requests.then(() => this.#request(frame))
    })
    const answers = new Frames()
    this.#broker.on('data', (bytes) => {
      for (const frame of answers.push(bytes)) this.#answers = this.#answers.then(() => this.#answer(frame))
    })
  }

  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#onEnd(this)
    this.#client.destroy()
    this.#broker.destroy()
  }

  async #request(frame: Buffer): Promise<void> {
    if (this.#isCut) return
    if (this.#proxy.silent) {
      this.#proxy.tell()
      return
    }
    const fate = this.#proxy.draw()
    switch (fate) {
      case 'request lost':
        this.cut()
        return
      case 'request cut':
        await write(this.#broker, frame.subarray(0, this.#proxy.integer(frame.length)))
        this.cut()
        return
      case 'request late': {
        // The client sees its connection end now; the broker gets the request when the client is elsewhere.
        this.#isCut = true
        this.#onEnd(this)
        this.#client.destroy()
        await this.#proxy.pause()
        await write(this.#broker, frame)
        await this.#proxy.pause()
        this.#broker.destroy()
        return
      }
      default:
        this.#fates.push(fate)
        await write(this.#broker, frame)
    }
  }

  async #answer(frame: Buffer): Promise<void> {
    if (this.#isCut) return
    switch (this.#fates.shift()) {
      case 'answer lost':
        this.cut()
        return
      case 'answer cut':
        await write(this.#client, frame.subarray(0, this.#proxy.integer(frame.length)))
        this.cut()
        return
      case 'answered late':
        await this.#proxy.pause()
        await write(this.#client, frame)
        return
      case 'answered byte by byte':
        if (frame.length > 2_000) await write(this.#client, frame)
        else for (const byte of frame) await write(this.#client, Buffer.of(byte))
        return
      default:
        await write(this.#client, frame)
    }
  }
}

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.write(bytes, () => resolve())
  })
}

/** Kafka's frames out of a stream: four bytes of size, then as many. */
class Frames {
  #left: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): Buffer[] {
    let left: Buffer = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes])
    const frames: Buffer[] = []
    while (left.length >= 4 && left.length >= 4 + left.readInt32BE(0)) {
      const size = 4 + left.readInt32BE(0)
      frames.push(left.subarray(0, size))
      left = left.subarray(size)
    }
    this.#left = left
    return frames
  }
}
