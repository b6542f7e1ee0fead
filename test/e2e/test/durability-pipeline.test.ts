import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPipelineProcess } from '../src/started-processes.ts'

const events = 120_000
const keys = 500

/** Skewed, so that no two keys have the same count by accident of a lost record. */
function keyOf(i: number): string {
  return `key-${Math.floor((((i * 7919) % events) / events) ** 2 * keys)}`
}

/** Whole lines, without the end of the last one. A torn line does not parse. */
function lines(file: string): { readonly key: string; readonly count: number }[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, 'utf8')
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

/** Records, as the process says them. */
interface Progress {
  readonly read: number
  readonly counted: number
  readonly written: number
}

/** When to kill: at a random moment of each phase, also of a start that follows a kill. */
const moments: readonly (readonly [what: string, reached: (now: Progress) => boolean, delayMs: number])[] = [
  ['at the first record read', ({ read }) => read > 0, 0],
  ['at the first record counted', ({ counted }) => counted > 0, random(50)],
  ['while records are counted', ({ counted }) => counted > share(0.2, 0.5), random(50)],
  ['soon after the start', () => true, random(1000)],
  ['while results are written', ({ counted, written }) => counted > share(0.5, 0.9) && written > 0, random(50)],
]

function share(from: number, to: number): number {
  return events * (from + Math.random() * (to - from))
}

function progressOf(line: string): Progress {
  const [read = 0, counted = 0, written = 0] = line.split(' ').map(Number)
  return { read, counted, written }
}

function random(most: number): number {
  return Math.floor(Math.random() * most)
}

/** Six starts of a whole product, on whatever machine. */
const startsMs = 240_000

let directory: string
const truth = new Map<string, number>()
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
  truth.clear()
  const input = Array.from({ length: events }, (_, i) => {
    const key = keyOf(i)
    truth.set(key, (truth.get(key) ?? 0) + 1)
    return `${JSON.stringify({ key, i })}\n`
  })
  writeFileSync(join(directory, 'in.jsonl'), input.join(''))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Kills the pipeline at each of the moments, then lets it end. Returns the last count of each key. */
async function survive(processing: 'at-least-once' | 'exactly-once'): Promise<Map<string, number>> {
  for (const [what, reached, delayMs] of moments) {
    const run = startPipelineProcess(directory, processing)
    await run.saying((line) => line === 'done' || reached(progressOf(line)))
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    await run.kill()
    console.info(`killed ${what} (+${delayMs} ms): read, counted, written = ${run.lines.at(-1)}`)
  }
  const last = startPipelineProcess(directory, processing)
  await last.saying((line) => line === 'done')
  expect(await last.ended, last.errors).toBe(0)
  return new Map(lines(join(directory, 'out.jsonl')).map(({ key, count }) => [key, count]))
}

test(
  'killed at random moments: no count is below the true one, no line is torn',
  async () => {
    const found = await survive('at-least-once')
    expect([...truth].filter(([key, count]) => (found.get(key) ?? 0) < count)).toEqual([])
    expect([...found.keys()].filter((key) => !truth.has(key))).toEqual([])
    const twice = [...found].reduce((sum, [key, count]) => sum + count - (truth.get(key) ?? 0), 0)
    console.info(`${events} events in ${keys} keys; counted twice: ${twice}`)
  },
  startsMs,
)

test(
  'killed at random moments under exactly-once: every count is right, and every result is there once',
  async () => {
    const found = await survive('exactly-once')
    expect(found).toEqual(truth)
    const before = new Map<string, number>()
    for (const { key, count } of lines(join(directory, 'out.jsonl'))) {
      expect(count, key).toBeGreaterThan(before.get(key) ?? 0)
      before.set(key, count)
    }
  },
  startsMs,
)
