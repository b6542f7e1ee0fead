import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Figure, figureOf } from '../figure.ts'

const program = fileURLToPath(new URL('../../../../examples/flights/dist/main.js', import.meta.url))

/** Runs the flights example to its end on fresh folders, and takes its own word for the times. */
export async function mainJobFigures(rounds: number): Promise<readonly Figure[]> {
  const values = new Map<string, { unit: Figure['unit']; values: number[] }>()
  const add = (what: string, unit: Figure['unit'], value: number) => {
    const known = values.get(what) ?? { unit, values: [] }
    known.values.push(value)
    values.set(what, known)
  }
  for (let round = 0; round < rounds; round++) {
    const text = await runOnce()
    const times = /route days in ([\d.]+) s(?:, first row after ([\d.]+) s)?/.exec(text)
    const cpu = /^CPU seconds: (.*)$/m.exec(text)?.[1]
    if (times === null || cpu === undefined) throw new Error(`the job told no times:\n${text}`)
    if (times[2] !== undefined) add('process start to the first row in PostgreSQL', 's', Number(times[2]))
    add('process start to the last row in PostgreSQL and in the files', 's', Number(times[1]))
    for (const [, stage, seconds] of cpu.matchAll(/([^,]+?) ([\d.]+)(?:, |$)/g))
      add(`CPU of ${stage}`, 'CPU s', Number(seconds))
  }
  return Array.from(values, ([what, { unit, values: found }]) => figureOf(what, 'examples/flights', unit, found))
}

/** What it printed. */
async function runOnce(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
  chmodSync(directory, 0o755) // PostgreSQL may run as another user
  try {
    const folders = ['--data', join(directory, 'data'), '--out', join(directory, 'out')]
    const child = spawn(process.execPath, [program, '--once', ...folders], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      process.stderr.write(part)
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    if (code !== 0) throw new Error(`the job ended with ${code}`)
    return text
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
