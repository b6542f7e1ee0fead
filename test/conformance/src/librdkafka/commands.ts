import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Runs a command to its end, with `input` on its standard input. @returns its output. @throws when it fails. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: 'pipe' })
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  // One that ends before it has read all says so by its code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${errors.slice(-2000)}\n${output}`)
  return output
}

/** The client in `librdkafka/`, compiled against the librdkafka that is installed. */
export class CompiledClient {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-librdkafka-'))

  get path(): string {
    return join(this.#folder, 'client')
  }

  async compile(): Promise<void> {
    const sources = fileURLToPath(new URL('../../librdkafka/', import.meta.url))
    const files = readdirSync(sources).filter((name) => name.endsWith('.c'))
    const paths = files.map((name) => join(sources, name))
    await run('gcc', ['-std=c11', '-Wall', '-Wextra', '-Werror', '-o', this.path, ...paths, '-lrdkafka'])
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
