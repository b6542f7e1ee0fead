import { type Broker, createBroker, type GivenSettings, type Server, serve } from '@millrace/broker/internal'
import { configError, nearest, type Ports } from '@millrace/kernel'
import { type LogDirectory, type LogDirectoryOptions, openLogDirectory } from '@millrace/log/internal'
import type { Transport } from '@millrace/protocol/internal'
import { loopbackTransport } from './loopback.ts'

export interface EngineOptions {
  /** Where everything lies; made where it is missing. One engine at a time. */
  readonly directory: string
  readonly ports: Ports
  /** Of the broker, by Kafka's names: `{ 'num.partitions': 4 }`. */
  readonly settings?: GivenSettings | undefined
  /** Of the log: defaults of topics, whether acks=all waits for the disk. */
  readonly log?: LogDirectoryOptions | undefined
  /** Also serve the Kafka protocol there. @default no port is opened */
  readonly listen?: { readonly host?: string | undefined; readonly port: number } | undefined
  /** Shown for clients over loopback and threads. @default 'millrace' */
  readonly clientId?: string | undefined
}

/** A broker in this process. */
export interface Engine {
  /** Reaches it from this thread. */
  loopback(): Transport
  /** Where it listens, with the port that was picked. */
  readonly listening: { readonly host: string; readonly port: number } | undefined
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
  const directory = await openLogDirectory(options.directory, ports, options.log)
  let broker: Broker | undefined
  try {
    broker = await createBroker({ directory, ports, settings: options.settings })
    const server = options.listen === undefined ? undefined : await serve(broker, options.listen)
    return new RunningEngine(directory, broker, server, options.clientId ?? 'millrace')
  } catch (error) {
    await broker?.close()
    await directory.close()
    throw error
  }
}

class RunningEngine implements Engine {
  readonly listening: Engine['listening']
  readonly #directory: LogDirectory
  readonly #broker: Broker
  readonly #server: Server | undefined
  readonly #loopback: ReturnType<typeof loopbackTransport>
  #closing: Promise<void> | undefined

  constructor(directory: LogDirectory, broker: Broker, server: Server | undefined, clientId: string) {
    this.#directory = directory
    this.#broker = broker
    this.#server = server
    this.listening = server === undefined ? undefined : { host: server.host, port: server.port }
    const { handler, ports } = broker
    this.#loopback = loopbackTransport({ handler, ports, nodeId: broker.settings['node.id'], clientId })
  }

  loopback(): Transport {
    return this.#loopback
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#loopback.close()
    await this.#server?.close()
    await this.#broker.close()
    await this.#directory.close()
  }
}
