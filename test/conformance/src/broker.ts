import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '@millrace/test-contract'
import { LineProcess } from './line-process.ts'

/** A server that clients reach, and that may be killed and come back at the same address. */
export interface Server {
  readonly address: string
  start(): Promise<void>
  kill(): Promise<void>
  dispose(): Promise<void>
}

/** Our broker in its own process and its own directory, reachable over TCP at an address that survives its death. */
export class BrokerProcess implements Server {
  readonly directory: string
  readonly #settings: Readonly<Record<string, number>>
  #process: LineProcess | undefined
  #port: number | undefined

  constructor(settings: Readonly<Record<string, number>> = {}) {
    this.#settings = settings
    this.directory = mkdtempSync(join(tmpdir(), 'millrace-conformance-'))
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Starts it, or starts it again on the same port, which nobody else is given while it is away. */
  async start(): Promise<void> {
    this.#port ??= (await freePorts(1))[0]
    const broker = new LineProcess(new URL('./broker-process.js', import.meta.url), [
      this.directory,
      `${this.#port}`,
      JSON.stringify(this.#settings),
    ])
    await broker.until((lines) => lines.length > 0)
    this.#process = broker
  }

  async kill(): Promise<void> {
    await this.#process?.kill()
  }

  /** Ends it and removes its directory. */
  async dispose(): Promise<void> {
    await this.#process?.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
