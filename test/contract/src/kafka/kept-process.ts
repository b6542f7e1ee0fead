import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const keeper = fileURLToPath(new URL('./keeper.js', import.meta.url))

/** A Java process that ends with us at the latest, its output in a file. */
export class KeptProcess {
  readonly #logFile: string
  readonly #keeper: ChildProcess
  readonly #ended: Promise<number>
  #code: number | undefined
  #pid = 0

  constructor(logFile: string, args: readonly string[]) {
    this.#logFile = logFile
    const java = process.env['JAVA_HOME'] === undefined ? 'java' : `${process.env['JAVA_HOME']}/bin/java`
    this.#keeper = spawn(process.execPath, [keeper, logFile, java, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#keeper.stdin?.on('error', () => {}) // it has ended on its own
    this.#keeper.stdout?.once('data', (text: Buffer) => {
      this.#pid = Number(text.toString())
    })
    this.#ended = once(this.#keeper, 'exit').then(([code]) => {
      this.#code = typeof code === 'number' ? code : 1
      return this.#code
    })
  }

  /** Of Java, not of its keeper; 0 until it is known. */
  get pid(): number {
    return this.#pid
  }

  get running(): boolean {
    return this.#code === undefined
  }

  get output(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, 'utf8') : ''
  }

  /** Resolves with its exit code. */
  ended(): Promise<number> {
    return this.#ended
  }

  /** Waits until its output from byte `from` on matches. @throws with the end of the output when it ends first. */
  async until(pattern: RegExp, from = 0, timeoutMs = 120_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!pattern.test(this.output.slice(from))) {
      if (!this.running || Date.now() > deadline) {
        const why = this.running ? `said nothing like ${pattern} within ${timeoutMs} ms` : `ended with ${this.#code}`
        throw new Error(`the process ${why}:\n${this.output.slice(-4000)}`)
      }
      await sleep(50)
    }
  }

  /** SIGTERM, then waits. */
  async stop(): Promise<void> {
    this.#keeper.stdin?.write('stop\n')
    await this.#ended
  }

  /** SIGKILL, then waits. */
  async kill(): Promise<void> {
    this.#keeper.stdin?.write('kill\n')
    await this.#ended
  }
}
