import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CommandProcess, command, killAll, startServer } from './command-process.ts'

let folder = ''

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-'))
  write('read.json', JSON.stringify({ name: 'read', config: source }))
  write('write.json', JSON.stringify({ name: 'write', config: sink }))
})

afterEach(async () => {
  await killAll()
  fs.rmSync(folder, { recursive: true, force: true })
})

const source = {
  connector: 'file-source',
  path: 'in.txt',
  format: 'lines',
  topic: 'lines',
  'topic.creation.default.partitions': 1,
}
const sink = {
  connector: 'file-sink',
  topics: 'lines',
  path: 'out.jsonl',
  format: 'lines',
  'value.converter': 'string',
}

function write(name: string, text: string): void {
  fs.writeFileSync(path.join(folder, name), text)
}

function written(): string {
  return fs.readFileSync(path.join(folder, 'out.jsonl'), 'utf8')
}

test('file to topic to file, once; what was added later goes through at the next run', async () => {
  write('in.txt', 'one\ntwo\n')
  const first = await command(folder, ['connect', 'read.json', 'write.json', '--once'])
  expect(first.code, first.errors).toBe(0)
  expect(first.out).toMatch(/^read-0: completed, 2 records/m)
  expect(written()).toBe('"one"\n"two"\n')
  fs.appendFileSync(path.join(folder, 'in.txt'), 'three\n')
  expect(await command(folder, ['connect', 'read.json', 'write.json', '--once'])).toMatchObject({ code: 0 })
  expect(written()).toBe('"one"\n"two"\n"three"\n')
})

test('on a server elsewhere, with REST, until SIGTERM', async () => {
  write('in.txt', 'one\n')
  const { address } = await startServer(folder)
  const connect = new CommandProcess(folder, ['connect', 'read.json', '--bootstrap', address, '--port', '0'])
  const [, url = ''] = await connect.said(/^REST: (\S+)$/m)
  const names: unknown = await (await fetch(url)).json()
  expect(names).toEqual(['read'])
  await connect.said(/^read-0: completed, 1 record\b/m)
  connect.kill('SIGTERM')
  expect(await connect.ended, connect.errors).toBe(0)
  const args = ['consume', 'lines', '--from-beginning', '--max', '1', '--bootstrap', address]
  expect((await command(folder, args)).out).toBe('"one"\n')
})

test('every problem of every file is told before anything starts', async () => {
  write('in.txt', 'one\n')
  write('bad.json', '{ "name": "bad", ')
  write('worse.json', JSON.stringify({ name: 'worse', config: { ...source, formt: 'lines', format: 'line' } }))
  write('kind.json', JSON.stringify({ name: 'kind', config: { connector: 'file-sorce' } }))
  const files = ['bad.json', 'worse.json', 'kind.json', 'none.json']
  const { code, errors, out } = await command(folder, ['connect', 'read.json', ...files])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(errors.trim().split('\n')).toEqual([
    expect.stringMatching(/^error: bad\.json: is not JSON: .*Write \{ "name"/),
    expect.stringMatching(/^error: worse\.json: formt: is not an option.*Did you mean format\?/),
    expect.stringMatching(/^error: worse\.json: format: .*\(got "line"\)\. Did you mean lines\?/),
    expect.stringMatching(
      /^error: kind\.json: connector: is no connector here \(got "file-sorce"\)\. Did you mean file-source\?/,
    ),
    expect.stringMatching(/^error: none\.json: there is no such file\. Looked for /),
  ])
  expect(fs.existsSync(path.join(folder, 'data'))).toBe(false)
})

test('a job goes on when nobody reads its progress, and a listing ends when nobody reads it', async () => {
  write('in.txt', 'one\n'.repeat(5))
  const connect = new CommandProcess(folder, ['connect', 'read.json', 'write.json', '--once'])
  connect.stopReading()
  expect(await connect.ended, connect.errors).toBe(0)
  expect(written()).toBe('"one"\n'.repeat(5))

  const { address } = await startServer(folder)
  const consume = new CommandProcess(folder, ['consume', 'lines', '--from-beginning', '--bootstrap', address])
  consume.stopReading()
  expect(await consume.ended).toBe(0)
  expect(consume.errors).toBe('')
})
