import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../bin/millrace.js', import.meta.url))
const running = new Set<CommandProcess>()

/** One run of the real command, as a process of its own. */
export class CommandProcess {
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>
  /** What it printed. */
  out = ''
  /** What it said on standard error. */
  errors = ''
  readonly #child: ChildProcess
  readonly #listeners = new Set<() => void>()

  constructor(folder: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [bin, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
    running.add(this)
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.out += chunk
      for (const listener of this.#listeners) listener()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.errors += chunk
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        running.delete(this)
        resolve(code ?? signal)
      })
    })
  }

  /** Resolves when the output matches; rejects when the process ends before it does. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.out)
        if (match === null) return
        this.#listeners.delete(look)
        resolve(match)
      }
      this.#listeners.add(look)
      void this.ended.then((end) => reject(new Error(`ended (${end}) without ${pattern}:\n${this.out}${this.errors}`)))
      look()
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** As `| head` does when it has enough. */
  stopReading(): void {
    this.#child.stdout?.destroy()
  }

  /** Everything that standard input will ever hold. */
  input(text: string): this {
    this.#child.stdin?.end(text)
    return this
  }
}

/** Runs a command to its end. */
export async function command(folder: string, args: readonly string[], input = '') {
  const run = new CommandProcess(folder, args).input(input)
  const code = await run.ended
  return { code, out: run.out, errors: run.errors }
}

/** For `afterEach`: ends what a failed test has left behind. */
export async function killAll(): Promise<void> {
  const left = [...running]
  for (const run of left) run.kill('SIGKILL')
  await Promise.all(left.map((run) => run.ended))
}

/** Starts a server on a free port, in `data` of the folder. */
export async function startServer(folder: string, ...args: readonly string[]) {
  const server = new CommandProcess(folder, ['server', '--listen', '127.0.0.1:0', '--data', 'data', ...args])
  const [, address = ''] = await server.said(/^millrace ready on (127\.0\.0\.1:\d+), data in data\n$/)
  return { server, address }
}
