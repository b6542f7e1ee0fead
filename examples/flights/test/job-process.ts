import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** One run of the job as a process of its own, in a process group of its own. */
export class JobProcess {
  readonly child: ChildProcess
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>
  output = ''
  readonly #listeners = new Set<() => void>()

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [main, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (chunk: string) => {
        this.output += chunk
        for (const listener of this.#listeners) listener()
      })
    }
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal)))
  }

  /** Resolves when the output matches; rejects when the process ends before it does. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.output)
        if (match === null) return
        this.#listeners.delete(look)
        resolve(match)
      }
      this.#listeners.add(look)
      void this.ended.then((end) => reject(new Error(`ended (${end}) without ${pattern}:\n${this.output}`)))
      look()
    })
  }

  /** The main process alone, or the whole group with it. */
  kill(whom: 'process' | 'group', signal: NodeJS.Signals = 'SIGKILL'): void {
    const pid = this.child.pid
    if (pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return
    process.kill(whom === 'group' ? -pid : pid, signal)
  }
}
