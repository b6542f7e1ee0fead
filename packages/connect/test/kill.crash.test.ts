import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const script = fileURLToPath(new URL('./copy-process.mjs', import.meta.url))

/** Runs the copy; with `killAfter` it gets SIGKILL once its sink (or source) has taken so many records. Whether it finished. */
function run(directory: string, killAfter?: { readonly source: number } | { readonly sink: number }): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    let finished = false
    child.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) {
        if (line === 'done') finished = true
        const [source = 0, sink = 0] = line.split(' ').map(Number)
        if (killAfter === undefined) continue
        if ('source' in killAfter ? source >= killAfter.source : sink >= killAfter.sink) child.kill('SIGKILL')
      }
    })
    child.once('error', reject)
    child.once('exit', () => resolve(finished))
  })
}

it('killed again and again, a file is copied through a topic with nothing missing and no line torn', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'connect-kill-'))
  try {
    const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i} ${'x'.repeat(i % 50)}`)
    writeFileSync(join(directory, 'in.txt'), lines.map((line) => `${line}\n`).join(''))
    for (const kill of [{ source: 1 }, { source: 9000 }, { sink: 1 }, { sink: 2000 }]) {
      expect(await run(directory, kill)).toBe(false)
    }
    expect(await run(directory)).toBe(true)
    const out = readFileSync(join(directory, 'out.jsonl'), 'utf8').split('\n')
    expect(out.pop()).toBe('')
    expect([...new Set(out.map((line) => String(JSON.parse(line))))].sort()).toEqual([...lines].sort())
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
