import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CommandProcess, command, killAll, startServer } from './command-process.ts'

let folder = ''

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-'))
  fs.writeFileSync(path.join(folder, 'words.ts'), words)
  fs.writeFileSync(path.join(folder, 'app.ts'), app)
})

afterEach(async () => {
  await killAll()
  fs.rmSync(folder, { recursive: true, force: true })
})

const words = `
export function words(line: string): string[] {
  return line.split(/\\s+/).filter((word) => word !== '')
}
`

/** In a folder without package.json or node_modules; a module of its own, and syntax that only TypeScript has. */
const app = `
import { mergeMap } from 'rxjs'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { words } from './words.ts'

enum Store { Words = 'words' }
const lines = topic('lines', { key: string(), value: string() })
const counts = topic('counts', { key: string(), value: json<number>() })

export const wordCount = defineTopology('word-count', ({ stream }) => {
  stream(lines)
    .pipe(mergeMap((line: string) => words(line)))
    .groupBy((word) => word, { key: string(), value: string() })
    .count({ store: Store.Words })
    .toStream()
    .to(counts)
})
export default wordCount
`

/** Produces lines and reads counts until all of these have been seen: words are counted by several threads, in no order. */
async function countWords(address: string, input: string, ...counts: readonly string[]): Promise<void> {
  const at = ['--bootstrap', address]
  expect(await command(folder, ['produce', 'lines', ...at], input)).toMatchObject({ code: 0 })
  const follow = new CommandProcess(folder, ['consume', 'counts', '--from-beginning', '--key-separator', '=', ...at])
  for (const count of counts) await follow.said(new RegExp(`^${count}$`, 'm'))
  follow.kill('SIGINT')
  expect(await follow.ended).toBe(0)
}

async function query(app: CommandProcess, key: string): Promise<unknown> {
  const [, url = ''] = await app.said(/^queries: (http:\/\/\S+)\/stores/m)
  return (await fetch(`${url}/stores/words/${key}`)).json()
}

test('a TypeScript topology with the engine embedded: waits for topics, counts, commits, goes on', async () => {
  const args = ['run', 'app.ts', '--threads', '2', '--port', '0']
  const first = new CommandProcess(folder, args)
  const [, waited = ''] = await first.said(/topics create counts --partitions N --bootstrap (\S+)/)
  expect(first.out).toContain('topics create lines --partitions N')
  for (const topic of ['lines', 'counts']) {
    await command(folder, ['topics', 'create', topic, '--partitions', '2', '--bootstrap', waited])
  }
  await first.said(/^queries: /m)
  await countWords(waited, 'to be or\nnot to be\n', 'be=2', 'to=2')
  expect(await query(first, 'to')).toBe(2)
  first.kill('SIGINT')
  expect(await first.ended, first.errors).toBe(0)
  expect(first.errors).toBe('')

  const again = new CommandProcess(folder, args)
  const [, address = ''] = await again.said(/^word-count on (\S+), state in data$/m)
  await again.said(/^queries: /m)
  await countWords(address, 'be\n', 'be=3')
  expect(await query(again, 'be')).toBe(3)
  again.kill('SIGTERM')
  expect(await again.ended).toBe(0)
})

test('the same program on a server elsewhere, its topics made by the way', async () => {
  const { address } = await startServer(folder)
  const args = ['run', 'app.ts', '--export', 'wordCount', '--bootstrap', address, '--data', 'state', '--port', '0']
  const run = new CommandProcess(folder, [...args, '--create-topics', '1', '--application-id', 'counting'])
  await run.said(/^made topics: lines, counts$/m)
  await run.said(/^queries: /m)
  await countWords(address, 'one two two\n', 'two=2')
  expect(await query(run, 'two')).toBe(2)
  run.kill('SIGTERM')
  expect(await run.ended, run.errors).toBe(0)
  const topics = await command(folder, ['topics', 'list', '--bootstrap', address])
  expect(topics.out).toContain('counting-words-changelog')
  expect(fs.existsSync(path.join(folder, 'state', 'state', 'counting'))).toBe(true)
})

test('a thread that fails ends the command with the reason', async () => {
  fs.writeFileSync(path.join(folder, 'words.ts'), 'export function words() { throw new Error("no words") }')
  const run = new CommandProcess(folder, ['run', 'app.ts', '--create-topics', '1'])
  const [, address = ''] = await run.said(/^word-count on (\S+),/m)
  await run.said(/^made topics/m)
  await command(folder, ['produce', 'lines', '--bootstrap', address], 'a line\n')
  expect(await run.ended).toBe(1)
  expect(run.errors).toMatch(/^error: .*no words/m)
  expect(run.errors).not.toMatch(/^ +at /m)
})
