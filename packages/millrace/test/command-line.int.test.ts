import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, killAll } from './command-process.ts'

let folder = ''
const taken = net.createServer()
let port = 0

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-'))
  for (const [name, text] of Object.entries(modules)) fs.writeFileSync(path.join(folder, name), text)
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})

afterAll(async () => {
  await killAll()
  await new Promise((resolve) => taken.close(resolve))
  fs.rmSync(folder, { recursive: true, force: true })
})

const modules = {
  'copy.ts': `
    import { defineTopology, string, topic } from '@millrace/streams'
    const posts = topic('posts', { key: string(), value: string() })
    export const copying = defineTopology('copying', ({ table, stream }) => {
      stream(posts).groupByKey().count({ store: 'posts' })
    })`,
  'throws.ts': `const part: string = 'x'\n\nthrow new Error('cannot go on ' + part)`,
  'syntax.ts': `export default defineTopology('x', `,
  'missing.ts': `import './not-there.ts'`,
  'number.ts': `export default 42`,
}

interface Refused {
  readonly args: readonly string[]
  readonly code: number
  readonly says: RegExp
}

/** What is typed, and what it gets: one line that names place, value and fix. */
const refused: readonly Refused[] = [
  { args: ['serve'], code: 2, says: /unknown command 'serve' \(Did you mean server\?\)/ },
  { args: ['topics', 'creat', 'x'], code: 2, says: /unknown command 'creat' \(Did you mean create\?\)/ },
  { args: ['server', '--lisen', 'x'], code: 2, says: /unknown option '--lisen' \(Did you mean --listen\?\)/ },
  { args: ['server', '--listen', '9092'], code: 2, says: /'--listen <HOST:PORT>' argument '9092' is invalid/ },
  { args: ['server', '--listen', 'h:70000'], code: 2, says: /argument 'h:70000' is invalid\. Write HOST:PORT/ },
  { args: ['server', '--set', 'x'], code: 2, says: /argument 'x' is invalid\. Write key=value/ },
  {
    args: ['server', '--set', 'num.partition=1'],
    code: 1,
    says: /^num\.partition: .*Did you mean "num\.partitions"\?/,
  },
  { args: ['server', '--set', 'num.partitions=0'], code: 1, says: /^num\.partitions: must be .*\(got "0"\)/ },
  {
    args: ['server', '--listen', '192.0.2.1:9092'],
    code: 1,
    says: /listen: other machines .*192\.0\.2\.1:9092".*--allow-unauth/,
  },
  {
    args: ['server', '--listen', '0.0.0.0:0', '--allow-unauthenticated'],
    code: 1,
    says: /listen: no client can dial it \(got "PLAINTEXT:\/\/0\.0\.0\.0:0"\)\. .*--advertise/,
  },
  { args: ['server', '--data', 'copy.ts'], code: 1, says: /copy\.ts\/log/ },
  { args: ['run'], code: 2, says: /missing required argument 'module'/ },
  { args: ['run', 'nix.ts'], code: 1, says: /^nix\.ts: there is no such file\. Looked for \S+nix\.ts/ },
  { args: ['run', 'copy.ts', '--threads', 'many'], code: 2, says: /argument 'many' is invalid\. Write a whole number/ },
  { args: ['run', 'copy.ts'], code: 1, says: /^copy\.ts: exports nothing as default\. .*mean --export copying\?/ },
  { args: ['run', 'copy.ts', '--export', 'copyin'], code: 1, says: /nothing as copyin.*mean --export copying\?/ },
  { args: ['run', 'throws.ts'], code: 1, says: /throws\.ts:3.*: cannot be imported: cannot go on x/ },
  { args: ['run', 'syntax.ts'], code: 1, says: /syntax\.ts.*: cannot be imported: / },
  { args: ['run', 'missing.ts'], code: 1, says: /cannot be imported: .*not-there\.ts/ },
  { args: ['run', 'number.ts'], code: 1, says: /does not export a topology as default/ },
  {
    args: ['run', 'copy.ts', '--export', 'copying', '--application-id', 'a/b'],
    code: 1,
    says: /^applicationId: .*a\/b/,
  },
  { args: ['topology', 'nix.ts'], code: 1, says: /^nix\.ts: there is no such file/ },
  { args: ['topology', 'copy.ts', '--format', 'svg'], code: 2, says: /Allowed choices are text, mermaid, dot, json/ },
  { args: ['connect'], code: 2, says: /missing required argument 'files'/ },
  { args: ['topics', '--bootstrap', '127.0.0.1:1'], code: 1, says: /^127\.0\.0\.1:1: no broker answers\. Start one/ },
  { args: ['topics', '--bootstrap', 'localhost'], code: 2, says: /argument 'localhost' is invalid/ },
  { args: ['topics', '--data', 'nothing'], code: 1, says: /^nothing: holds no topics\. Name the DIR/ },
  { args: ['topics', '--data', 'a', '--bootstrap', 'b:1'], code: 2, says: /cannot be used with option '--data <DIR>'/ },
  { args: ['consume', 't', '--bootstrap', '127.0.0.1:1'], code: 1, says: /no broker answers/ },
  { args: ['consume', 't', '--max', '0'], code: 2, says: /argument '0' is invalid/ },
  { args: ['consume', 't', '--group', 'g', '--until-end'], code: 1, says: /^--until-end: cannot be used with/ },
]

test.each(refused)('millrace $args is refused in one line', async ({ args, code, says }) => {
  const run = await command(folder, args)
  expect(run.errors).toMatch(/^error: [^\n]+\n$/)
  expect(run.errors.slice('error: '.length)).toMatch(says)
  expect(run.code).toBe(code)
  expect(run.out).toBe('')
})

test('a port that is taken is named', async () => {
  const run = await command(folder, ['server', '--listen', `127.0.0.1:${port}`, '--data', 'taken'])
  expect(run).toMatchObject({ code: 1, out: '' })
  expect(run.errors).toMatch(new RegExp(`^error: .*127\\.0\\.0\\.1:${port}: the port is taken[^\\n]*\\n$`))
})

test('--verbose shows where an error came from', async () => {
  const run = await command(folder, ['run', 'nix.ts', '--verbose'])
  expect(run.errors).toMatch(/^error: nix\.ts: there is no such file.*\n[\s\S]*^ +at /m)
})

test('a topology is printed and drawn, in four forms', async () => {
  const show = async (format: string) => {
    const run = await command(folder, ['topology', 'copy.ts', '--export', 'copying', '--format', format])
    expect(run, run.errors).toMatchObject({ code: 0, errors: '' })
    return run.out
  }
  const text = await show('text')
  expect(text).toMatch(/^Topology copying \([0-9a-f]{16}\)\n {2}Sub-topology 0\n {4}source posts /)
  const mermaid = await show('mermaid')
  expect(mermaid).toMatch(/^flowchart LR\n/)
  expect(text.endsWith(mermaid)).toBe(true)
  const dot = await show('dot')
  expect(dot).toMatch(/^digraph "copying" \{\n/)
  expect(dot).toContain('"topic posts" -> "posts"')
  const json: unknown = JSON.parse(await show('json'))
  expect(json).toMatchObject({
    name: 'copying',
    subtopologies: [
      {
        sourceTopics: ['posts'],
        nodes: [{ kind: 'source' }, { kind: 'aggregate', store: 'posts' }],
        stores: [{ name: 'posts', changelog: 'copying-posts-changelog' }],
      },
    ],
  })
})

test('every command has help, and the version is that of the package', async () => {
  for (const name of ['server', 'run', 'connect', 'topology', 'topics', 'produce', 'consume']) {
    const help = await command(folder, [name, '--help'])
    expect(help).toMatchObject({ code: 0, errors: '' })
    expect(help.out).toMatch(new RegExp(`^Usage: millrace ${name} `))
  }
  const manifest: unknown = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const { out } = await command(folder, ['--version'])
  expect(manifest).toMatchObject({ version: out.trim() })
})
