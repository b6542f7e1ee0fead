import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../../packages/millrace/bin/millrace.js', import.meta.url))

/** `millrace server` as a process of its own. */
export class BrokerProcess {
  readonly port: number
  readonly #child: ChildProcess

  /** @param port 0 takes a free one. Resolves when clients may come. */
  static async start(data: string, port: number): Promise<BrokerProcess> {
    const args = [cli, 'server', '--data', data, '--listen', `127.0.0.1:${port}`]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    if (child.stdout === null) throw new Error('a process without an output')
    for await (const line of createInterface({ input: child.stdout })) {
      const ready = /ready on [^ ]*:(\d+)/.exec(line)
      if (ready === null) continue
      child.stdout.resume()
      return new BrokerProcess(child, Number(ready[1]))
    }
    throw new Error(`the server ended (${child.exitCode ?? child.signalCode}) before it was ready`)
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
