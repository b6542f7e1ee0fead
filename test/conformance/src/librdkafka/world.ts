import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Server } from '../broker.ts'
import { Notes } from '../notes.ts'
import { type CompiledClient, run } from './commands.ts'

/** Given out by all worlds of the process. */
let names = 0

/** What a running kcat has said so far. */
export interface Running {
  readonly lines: Notes<string>
  /** SIGTERM: it leaves its groups. @throws when it does not end well. */
  stop(): Promise<void>
}

/** A broker, and the two programs on librdkafka: kcat, and a compiled client with a scenario for each case. */
export class World {
  readonly broker: Server
  readonly #client: CompiledClient
  readonly #running = new Set<Running>()

  constructor(broker: Server, client: CompiledClient) {
    this.broker = broker
    this.#client = client
  }

  /** A name that no other case uses. */
  name(what: string): string {
    return `${what}-${process.pid}-${++names}`
  }

  async topic(partitions = 1): Promise<string> {
    const topic = this.name('topic')
    await this.client('make', topic, `${partitions}`)
    return topic
  }

  /** What it says, line by line. */
  async client(scenario: string, ...args: readonly string[]): Promise<string[]> {
    return linesOf(await run(this.#client.path, [scenario, this.broker.address, ...args]))
  }

  async kcat(args: readonly string[], input = ''): Promise<string[]> {
    return linesOf(await run('kcat', ['-b', this.broker.address, '-m', '30', ...args], input))
  }

  /** Sends values, one record each, in order. */
  async send(topic: string, values: readonly string[], ...args: readonly string[]): Promise<void> {
    await this.kcat(['-P', '-t', topic, '-p', '0', ...args], values.map((value) => `${value}\n`).join(''))
  }

  /** Reads from the beginning of partition 0 to its end. */
  async read(topic: string, ...args: readonly string[]): Promise<string[]> {
    return this.kcat(['-C', '-t', topic, '-p', '0', '-e', '-q', ...args])
  }

  /** A kcat that runs until it is stopped. */
  start(args: readonly string[]): Running {
    return this.#start('kcat', ['-b', this.broker.address, ...args])
  }

  /** A scenario that runs until it is stopped. */
  startClient(scenario: string, ...args: readonly string[]): Running {
    return this.#start(this.#client.path, [scenario, this.broker.address, ...args])
  }

  #start(command: string, args: readonly string[]): Running {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)))
    const lines = new Notes<string>()
    for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => lines.add(line))
    const running: Running = {
      lines,
      stop: async () => {
        this.#running.delete(running)
        child.kill('SIGTERM')
        const how = await ended
        if (how !== 0) throw new Error(`${command} ended with ${how}: ${lines.all.slice(-5).join(' | ')}`)
      },
    }
    this.#running.add(running)
    return running
  }

  /** Ends what the last case left running. */
  async tidy(): Promise<void> {
    for (const running of this.#running) await running.stop()
  }
}

/** A case throws when librdkafka does not get what it gets from Apache Kafka. */
export type Case = (world: World) => Promise<void>

function linesOf(output: string): string[] {
  return output === '' ? [] : output.replace(/\n$/, '').split('\n')
}
