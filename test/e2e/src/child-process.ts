import { type ChildProcess, fork } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A process of a test's own, to be killed. It says things line by line. */
export class ChildOfTest {
  readonly lines: string[] = []
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>
  readonly #child: ChildProcess
  readonly #listeners = new Set<() => void>()
  #errors = ''

  constructor(module: URL, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const env = { ...process.env, ...environment }
    this.#child = fork(module, [...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env, execArgv: [] })
    const { stdout, stderr } = this.#child
    if (stdout === null || stderr === null) throw new Error('a forked process has outputs')
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(line)
      for (const listener of [...this.#listeners]) listener()
    })
    stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors = `${this.#errors}${chunk}`.slice(-8000)
    })
    this.ended = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve(code ?? signal)))
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors
  }

  /** The first line that satisfies, said already or still to come. @throws when the process ends without it. */
  saying(satisfies: (line: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const line = this.lines.find(satisfies)
        if (line === undefined) return
        this.#listeners.delete(look)
        resolve(line)
      }
      this.#listeners.add(look)
      void this.ended.then((end) =>
        reject(new Error(`ended (${end}) before it said what was awaited:\n${this.errors}`)),
      )
      look()
    })
  }

  /** What matches in the first line that matches. @throws as `saying` */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    const line = await this.saying((each) => pattern.test(each))
    const match = pattern.exec(line)
    if (match === null) throw new Error(`${pattern} has a state`)
    return match
  }

  /** SIGKILL, no goodbye. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<number | string | null> {
    this.#child.kill('SIGTERM')
    return this.ended
  }
}
