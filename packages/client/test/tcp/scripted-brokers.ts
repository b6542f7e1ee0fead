import type { Socket } from '@millrace/kernel'
import { nodeNet, nodePorts } from '@millrace/kernel/node'
import {
  type ApiName,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  FrameSplitter,
  fill,
  type Partially,
  type RequestOf,
  type ResponseOf,
  servedApis,
} from '@millrace/protocol/internal'
import { type Client, createClient, tcpTransport } from '../../src/index.ts'

type Answers = { readonly [A in ApiName]?: (request: RequestOf<A>) => Partially<ResponseOf<A>> }

/** A broker over TCP that answers as a script says, and remembers what it was asked. */
export class ScriptedBroker {
  readonly nodeId: number
  readonly host = '127.0.0.1'
  readonly port: number
  readonly asked: ApiName[] = []
  #answers: Answers = {}
  readonly #close: () => Promise<void>

  private constructor(nodeId: number, port: number, close: () => Promise<void>) {
    this.nodeId = nodeId
    this.answers = {}
    this.port = port
    this.#close = close
  }

  static async start(nodeId: number): Promise<ScriptedBroker> {
    const sockets = new Set<Socket>()
    let broker: ScriptedBroker | undefined
    const listener = await nodeNet().listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      sockets.add(socket)
      const splitter = new FrameSplitter(socket.remote)
      return {
        data: (bytes) => splitter.push(bytes, (frame) => broker?.answer(socket, frame)),
        closed: () => void sockets.delete(socket),
      }
    })
    broker = new ScriptedBroker(nodeId, listener.port, async () => {
      for (const socket of sockets) socket.destroy()
      await listener.close()
    })
    return broker
  }

  /** What it answers from now on. */
  set answers(answers: Answers) {
    this.#answers = { apiVersions: () => everyVersion, ...answers }
  }

  get address() {
    return { nodeId: this.nodeId, host: this.host, port: this.port, rack: null }
  }

  /** It is gone: its connections are cut, its port is closed. */
  stop(): Promise<void> {
    return this.#close()
  }

  answer(socket: Socket, frame: Buffer): void {
    const header = decodeRequestHeader(frame)
    const api = servedApis.get(header.apiKey)
    if (api === undefined) throw new Error(`the client asked for API ${header.apiKey}`)
    this.#answer(api.name, socket, frame)
  }

  #answer<A extends ApiName>(api: A, socket: Socket, frame: Buffer): void {
    const header = decodeRequestHeader(frame)
    const script = this.#answers[api]
    if (api !== 'apiVersions') this.asked.push(api)
    if (script === undefined) throw new Error(`the script of broker ${this.nodeId} has no ${api}`)
    const response = fill(api, 'response', script(decodeRequest(api, header, frame)))
    socket.writeAll(encodeResponse(api, header.apiVersion, header.correlationId, response).pieces)
  }
}

const everyVersion = {
  apiKeys: [...servedApis.values()].map(({ key, served }) => ({
    apiKey: key,
    minVersion: served.min,
    maxVersion: served.max,
  })),
}

/** Of a cluster of these brokers with one topic, `t`, of one partition. */
export function metadataOf(brokers: readonly ScriptedBroker[], leader: ScriptedBroker, leaderEpoch = 1) {
  const partitions = [{ partitionIndex: 0, leaderId: leader.nodeId, leaderEpoch }]
  return {
    brokers: brokers.map(({ address }) => address),
    controllerId: leader.nodeId,
    topics: [{ name: 't', topicId, partitions }],
  }
}

export const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'

export function clientOf(...bootstrap: readonly ScriptedBroker[]): Client {
  const ports = nodePorts()
  const addresses = bootstrap.map(({ host, port }) => `${host}:${port}`)
  return createClient({ transport: tcpTransport({ bootstrap: addresses, ports }), ports })
}
