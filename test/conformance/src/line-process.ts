import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A child process that says things as JSON, one a line. */
export class LineProcess {
  readonly lines: unknown[] = []
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #errors = ''
  #wake: (() => void)[] = []
  #gone = false

  constructor(module: URL, args: readonly string[]) {
    this.#child = fork(module, [...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#ended = once(this.#child, 'close').then(() => {
      this.#gone = true
      this.#stir()
    })
    const { stdout, stderr } = this.#child
    stderr?.on('data', (chunk: Buffer) => {
      this.#errors = `${this.#errors}${chunk.toString()}`.slice(-4000)
    })
    if (stdout === null) throw new Error('a forked process has an output')
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line))
      this.#stir()
    })
  }

  /** Resolves as soon as what it has said satisfies `enough`. @throws when it ends before that. */
  async until(enough: (lines: readonly unknown[]) => boolean): Promise<void> {
    while (!enough(this.lines)) {
      if (this.#gone) throw new Error(`the process ended early: ${this.#errors}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** SIGKILL, no goodbye. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
