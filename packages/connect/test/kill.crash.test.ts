import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'

// Five starts of an engine, on whatever machine.
vi.setConfig({ testTimeout: 180_000 })

const script = fileURLToPath(new URL('./copy-process.mjs', import.meta.url))

/**
 * Runs the copy. With a moment it gives itself SIGKILL once its source (or sink) has taken so many records: whoever watched it
 * from outside might be late, and find it at its end. How it ended, and what it said at last.
 */
async function run(directory: string, moment: readonly ['source' | 'sink', number] | readonly [] = []) {
  const args = [script, directory, ...moment.map(String)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const [end, said] = await Promise.all([ended, text(child.stdout)])
  return { end, said }
}

it('killed again and again, a file is copied through a topic with nothing missing and no line torn', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'connect-kill-'))
  try {
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${'x'.repeat(i % 50)}`)
    writeFileSync(join(directory, 'in.txt'), lines.map((line) => `${line}\n`).join(''))
    for (const moment of [
      ['source', 1],
      ['source', 9000],
      ['sink', 1],
      ['sink', 2000],
    ] as const) {
      expect(await run(directory, moment), moment.join(' ')).toEqual({ end: 'SIGKILL', said: '' })
    }
    expect(await run(directory)).toEqual({ end: 0, said: 'done\n' })
    const out = readFileSync(join(directory, 'out.jsonl'), 'utf8').split('\n')
    expect(out.pop()).toBe('')
    expect([...new Set(out.map((line) => String(JSON.parse(line))))].sort()).toEqual([...lines].sort())
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
