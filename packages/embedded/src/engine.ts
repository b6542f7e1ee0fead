import { resolve } from 'node:path'
import {
  type Broker,
  createBroker,
  type GivenSettings,
  logOptionsOf,
  planListeners,
  readSettings,
  type Server,
  serveAll,
} from '@millrace/broker/internal'
import { configError, type MessagePortLike, nearest, type Ports } from '@millrace/kernel'
import { type LogDirectory, type LogDirectoryOptions, openLogDirectory } from '@millrace/log/internal'
import type { NodeAddress, RequestHandler, Transport } from '@millrace/protocol/internal'
import { loopbackTransport } from './loopback.ts'
import type { ThreadLinkData } from './thread/messages.ts'
import { TailBoard } from './thread/tail-board.ts'
import { ThreadDoor } from './thread/thread-door.ts'

export interface EngineOptions {
  /** Where everything lies; made where it is missing. One engine at a time. */
  readonly directory: string
  readonly ports: Ports
  /** Of the broker and defaults of topics, by Kafka's names: `{ 'num.partitions': 4, 'log.retention.hours': 24 }`. */
  readonly settings?: GivenSettings | undefined
  /** Of the log: what the settings do not say. It comes before the settings, each default of topics by itself. */
  readonly log?: LogDirectoryOptions | undefined
  /**
   * Also serve the Kafka protocol there: one port without a login, for this machine. More, and for others, with the
   * setting `listeners`. @default no port is opened
   */
  readonly listen?:
    | {
        readonly host?: string | undefined
        readonly port: number
        /** Under which address clients reach it, where it is not that. Needed with a host such as 0.0.0.0. */
        readonly advertised?: { readonly host: string; readonly port?: number | undefined } | undefined
      }
    | undefined
  /** Shown for clients over loopback and threads. @default 'millrace' */
  readonly clientId?: string | undefined
}

/** What a worker needs to reach the engine. */
export interface ThreadLink {
  /** Cloneable: hand it to the thread, which calls `threadTransport(data, ports)`. */
  readonly data: ThreadLinkData
  /** To be moved along with it. */
  readonly move: readonly MessagePortLike[]
  /** Ends the thread's connections; for a thread that died without closing them. */
  close(): Promise<void>
}

/** A broker in this process. */
export interface Engine {
  /** Reaches it from this thread. */
  loopback(): Transport
  /** A way in for one worker thread. */
  threadLink(): ThreadLink
  /** Where it listens, with the port that was picked: the first listener. */
  readonly listening: { readonly host: string; readonly port: number } | undefined
  /** All listeners, by the names of the setting `listeners`. */
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  /** Answers what waits, syncs everything, releases the directory. Clients see CONNECTION_LOST. Idempotent. */
  close(): Promise<void>
}

const known = ['directory', 'ports', 'settings', 'log', 'listen', 'clientId']

/**
 * Opens a data directory and starts the engine on it.
 *
 * @throws CONFIG for an option or setting that is misspelt or out of range, or a port that is taken; DIRECTORY_IN_USE;
 *   CORRUPT_FILE, DISK_FULL, DISK_READ_ONLY, DISK_ERROR.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw configError('engine', 'has no such option', name, near === undefined ? undefined : `Did you mean "${near}"?`)
  }
  const { ports } = options
  const settings = readSettings(options.settings)
  planListeners(settings, options.listen) // what is wrong with them is said at once
  const topicDefaults = new Map([...settings.topicDefaults, ...(options.log?.topicDefaults ?? [])])
  const log = { ...logOptionsOf(settings), ...options.log, topicDefaults }
  const directory = await openLogDirectory(resolve(options.directory), ports, log)
  let broker: Broker | undefined
  try {
    const board = new TailBoard(directory)
    broker = reviewed(await createBroker({ directory, ports, settings: options.settings }), board)
    const servers = await serveAll(broker, options.listen)
    return new RunningEngine({ directory, broker, servers, board, ports }, options.clientId ?? 'millrace')
  } catch (error) {
    await broker?.close()
    await directory.close()
    throw error
  }
}

/** The broker, with the board looked through after whatever moves logs without an append. */
function reviewed(broker: Broker, board: TailBoard): Broker {
  const handler: RequestHandler = {
    handle(context, api, request) {
      const answer = broker.handler.handle(context, api, request)
      if (api !== 'deleteTopics' && api !== 'deleteRecords') return answer
      return answer.then((response) => {
        board.review()
        return response
      })
    },
  }
  return { ...broker, handler }
}

interface EngineParts {
  readonly directory: LogDirectory
  readonly broker: Broker
  readonly servers: readonly Server[]
  readonly board: TailBoard
  readonly ports: Ports
}

class RunningEngine implements Engine {
  readonly listening: Engine['listening']
  readonly listeners: Engine['listeners']
  readonly #parts: EngineParts
  readonly #node: NodeAddress
  readonly #loopback: ReturnType<typeof loopbackTransport>
  readonly #doors = new Set<ThreadDoor>()
  #closing: Promise<void> | undefined

  constructor(parts: EngineParts, clientId: string) {
    this.#parts = parts
    const { handler, settings } = parts.broker
    const { ports } = parts
    this.listeners = parts.servers.map(({ name, host, port }) => ({ name, host, port }))
    const [first] = this.listeners
    this.listening = first === undefined ? undefined : { host: first.host, port: first.port }
    this.#loopback = loopbackTransport({ handler, ports, nodeId: settings['node.id'], clientId })
    this.#node = { nodeId: settings['node.id'], host: 'localhost', port: 0 }
  }

  loopback(): Transport {
    return this.#loopback
  }

  threadLink(): ThreadLink {
    const { near, far } = this.#parts.ports.threads.channel()
    const door = new ThreadDoor(near, this.#loopback, this.#node, this.#parts.board)
    this.#doors.add(door)
    return {
      data: { node: this.#node, port: far },
      move: [far],
      close: async () => {
        this.#doors.delete(door)
        await door.close()
      },
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#doors].map((door) => door.close()))
    await this.#loopback.close()
    await Promise.all(this.#parts.servers.map((server) => server.close()))
    await this.#parts.broker.close()
    await this.#parts.directory.close()
  }
}
