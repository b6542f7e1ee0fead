import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { root } from './pages.ts'
import type { Snippet } from './snippet.ts'

const runMsMax = 60_000

/** How a command ended and what it printed. */
export interface Run {
  readonly exitCode: number | string | null
  readonly output: string
}

/** A folder as a reader has it who has installed the packages and types what the pages say. */
export class ReaderFolder {
  readonly path: string

  constructor() {
    this.path = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-docs-')))
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(this.path, 'node_modules'), 'dir')
    this.write('package.json', '{ "type": "module" }\n')
  }

  /** The folder of one page in it. */
  of(page: string): string {
    return page.replaceAll(/[/.]/g, '-')
  }

  write(file: string, text: string): string {
    const whole = path.join(this.path, file)
    fs.mkdirSync(path.dirname(whole), { recursive: true })
    fs.writeFileSync(whole, text)
    return whole
  }

  /** Writes the snippets of a page that have a file; those of TypeScript that have none get a name of their own. */
  take(snippets: readonly Snippet[]): void {
    for (const { page, line, language, file, text } of snippets) {
      const name = file ?? (language === 'ts' ? `line-${line}.ts` : undefined)
      if (name !== undefined) this.write(path.join(this.of(page), name), text)
    }
  }

  /** What the compiler says of everything that was written. */
  typeCheck(): Promise<Run> {
    const tsconfig = {
      extends: path.join(root, 'tsconfig.base.json'),
      compilerOptions: {
        noEmit: true,
        composite: false,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
        noUnusedLocals: false,
        noUnusedParameters: false,
        rewriteRelativeImportExtensions: false,
      },
      include: ['**/*.ts'],
      exclude: ['node_modules'],
    }
    this.write('tsconfig.json', JSON.stringify(tsconfig))
    return this.#spawn(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], '.')
  }

  /** Runs a snippet in the folder of its page: TypeScript by tsx, a command line by bash. */
  run({ page, line, language, file, text }: Snippet): Promise<Run> {
    const folder = this.of(page)
    if (language === 'sh') return this.#spawn('bash', ['-euo', 'pipefail', '-c', text], folder)
    return this.#spawn(process.execPath, ['--import', 'tsx', file ?? `line-${line}.ts`], folder)
  }

  remove(): void {
    fs.rmSync(this.path, { recursive: true, force: true })
  }

  /** In a process group of its own, so that nothing it started outlives it. */
  #spawn(command: string, args: readonly string[], folder: string): Promise<Run> {
    const cwd = path.join(this.path, folder)
    fs.mkdirSync(cwd, { recursive: true })
    const bin = path.join(this.path, 'node_modules', '.bin')
    const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`, NODE_OPTIONS: '' }
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // The group has ended by itself.
      }
    }
    const deadline = setTimeout(end, runMsMax)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        output += chunk
      })
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', end)
      child.once('close', (code, signal) => {
        clearTimeout(deadline)
        resolve({ exitCode: code ?? signal, output })
      })
    })
  }
}
