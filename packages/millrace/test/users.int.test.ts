import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseProperties } from '../src/cli/properties-file.ts'
import { CommandProcess, command, killAll } from './command-process.ts'

let folder = ''

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-users-'))
})

afterEach(async () => {
  await killAll()
  fs.rmSync(folder, { recursive: true, force: true })
})

function login(name: string, password: string): string {
  const lines = ['security.protocol=SASL_PLAINTEXT', 'sasl.mechanism=SCRAM-SHA-256']
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  lines.push(`sasl.jaas.config=${module} required username="${name}" password="${password}";`)
  fs.writeFileSync(path.join(folder, `${name}.properties`), lines.join('\n'))
  return `${name}.properties`
}

test('the first user is made before the first server, the others through it', async () => {
  const users = (...args: string[]) =>
    command(folder, ['users', ...args], args[0] === 'passwd' ? 'newer\n' : 'secret\n')
  expect(await users('add', 'admin', '--data', 'data')).toEqual({ code: 0, out: 'added admin\n', errors: '' })
  fs.writeFileSync(
    path.join(folder, 'server.properties'),
    '# who may come\nlisteners=SASL_PLAINTEXT://127.0.0.1:0\nauthorizer.class.name=acl\nsuper.users=User:admin\n',
  )
  const server = new CommandProcess(folder, ['server', '--config', 'server.properties', '--data', 'data'])
  const [, address = ''] = await server.said(/^millrace ready on (127\.0\.0\.1:\d+), data in data\n$/)
  const at = ['--bootstrap', address, '--command-config', login('admin', 'secret')]

  expect((await users('add', 'alice', ...at)).out).toBe('added alice\n')
  expect((await users('list', ...at)).out).toBe(
    'admin  SCRAM-SHA-256, SCRAM-SHA-512\nalice  SCRAM-SHA-256, SCRAM-SHA-512\n',
  )
  expect((await users('add', 'alice', ...at)).errors).toMatch(
    /^error: user alice: exists already\..*users passwd alice/,
  )
  expect((await users('passwd', 'alice', ...at)).out).toBe('changed the password of alice\n')
  expect((await users('remove', 'alise', ...at)).errors).toMatch(/^error: user alise: .*Did you mean alice\?/)

  const of = (password: string) =>
    new Kafka({
      brokers: [address],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
      sasl: { mechanism: 'scram-sha-512', username: 'alice', password },
    }).admin()
  const known = of('newer')
  await known.connect()
  expect(await known.listTopics()).toEqual([])
  await known.disconnect()
  await expect(of('secret').connect()).rejects.toThrow(/authentication failed/)

  const alice = ['--bootstrap', address, '--command-config', login('alice', 'newer')]
  expect((await users('list', ...alice)).errors).toMatch(/CLUSTER_AUTHORIZATION_FAILED/)
  expect((await users('remove', 'alice', ...at)).out).toBe('removed alice\n')
  const refused = await users('list', ...alice)
  expect(refused.errors).toMatch(/^error: 127\.0\.0\.1:\d+: user alice was refused with scram-sha-256/)
  expect(refused.errors).not.toContain('newer')
  server.kill('SIGTERM')
  expect(await server.ended).toBe(0)
}, 60_000)

test('a properties file is read as Java reads it', () => {
  const text = '# no\n! no\n a = b \\\n   c\nkey\\:with\\=signs: value=1\n\nempty=\npem=one\\ntwo\\\\n\nsign=\\u00e9\n'
  expect(parseProperties(text)).toEqual({
    a: 'b c',
    'key:with=signs': 'value=1',
    empty: '',
    pem: 'one\ntwo\\n',
    sign: 'é',
  })
})
