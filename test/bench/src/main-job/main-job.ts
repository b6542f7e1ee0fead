import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Figure, figureOf } from '../figure.ts'

const program = fileURLToPath(new URL('../../../../examples/flights/dist/main.js', import.meta.url))

const guarantees = ['exactly-once', 'at-least-once'] as const

/**
 * Runs the flights example to its end on fresh folders, under each guarantee in turn, and takes its own word for the
 * times.
 */
export async function mainJobFigures(rounds: number): Promise<readonly Figure[]> {
  const values = new Map<string, { what: string; by: string; unit: Figure['unit']; values: number[] }>()
  for (const by of Array.from({ length: rounds }, () => guarantees).flat()) {
    const add = (what: string, unit: Figure['unit'], value: number) => {
      const known = values.get(`${what} ${by}`) ?? { what, by, unit, values: [] }
      known.values.push(value)
      values.set(`${what} ${by}`, known)
    }
    const text = await runOnce(by)
    const times = /route days in ([\d.]+) s(?:, first row after ([\d.]+) s)?/.exec(text)
    const cpu = /^CPU seconds: (.*)$/m.exec(text)?.[1]
    if (times === null || cpu === undefined) throw new Error(`the job told no times:\n${text}`)
    if (times[2] !== undefined) add('process start to the first row in PostgreSQL', 's', Number(times[2]))
    add('process start to the last row in PostgreSQL and in the files', 's', Number(times[1]))
    for (const [, stage, seconds] of cpu.matchAll(/([^,]+?) ([\d.]+)(?:, |$)/g))
      add(`CPU of ${stage}`, 'CPU s', Number(seconds))
  }
  return [...values.values()].map(({ what, by, unit, values: found }) => figureOf(what, by, unit, found))
}

/** What it printed. */
async function runOnce(processing: (typeof guarantees)[number]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-flights-'))
  chmodSync(directory, 0o755) // PostgreSQL may run as another user
  try {
    const folders = ['--data', join(directory, 'data'), '--out', join(directory, 'out')]
    const args = [program, '--once', '--processing', processing, ...folders]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
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
