import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { silentLog } from '@millrace/kernel'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { parseConnectorFile, startMillrace } from 'millrace'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MillraceRoom } from '../src/millrace-room.ts'

let room: MillraceRoom

beforeAll(async () => {
  room = await MillraceRoom.open()
  writeFileSync(join(room.directory, 'no-topology.mjs'), 'export const x = 1\n')
})

afterAll(() => room.close())

/** What somebody misspelt, as plain data, past the types. */
function typo<T>(options: unknown): T {
  return JSON.parse(JSON.stringify(options))
}

const numbers = topic('numbers', { key: string(), value: json<number>() })
const app = defineTopology('app', ({ stream }) => stream(numbers).to(topic('out', { key: string(), value: json() })))

/** What is done, and what the person sees. */
const refused: readonly (readonly [what: string, act: (room: MillraceRoom) => unknown, message: RegExp])[] = [
  [
    'an option of a producer',
    ({ millrace }) => millrace.client.producer(typo({ lingerms: 5 })),
    /producer.*"lingerms".*Did you mean "lingerMs"/,
  ],
  [
    'a value of a consumer',
    ({ millrace }) => millrace.client.consumer(typo({ autoOffsetReset: 'earlist' })),
    /consumer\.autoOffsetReset.*"earlist".*earliest, latest, none/,
  ],
  [
    'an option of an application',
    ({ millrace }) => millrace.runHere(app, typo({ theads: 2 })),
    /theads.*Did you mean threads/,
  ],
  [
    'a module without a topology',
    ({ millrace, directory }) => millrace.run(pathToFileURL(join(directory, 'no-topology.mjs'))),
    /no-topology\.mjs.*Export what defineTopology returns/,
  ],
  [
    'a module that is not there',
    ({ millrace, directory }) => millrace.run(pathToFileURL(join(directory, 'nowhere.mjs'))),
    /nowhere\.mjs/,
  ],
  [
    'options of a connector, all at once',
    async ({ millrace, directory }) =>
      (await millrace.connect(directory)).put('a', {
        connector: 'file-source',
        path: 'a.csv',
        topc: 't',
        format: 'cvs',
      }),
    /3 problems[\s\S]*topic: is missing[\s\S]*topc: .*Did you mean topic[\s\S]*format: .*"cvs".*Did you mean csv/,
  ],
  [
    'a file that is missing',
    async ({ millrace, directory }) =>
      (await millrace.connect(directory)).put('a', { connector: 'file-source', path: 'a.csv', topic: 't' }),
    /path: names no file: .*a\.csv does not exist .*Check the path/,
  ],
  [
    'a config that is no JSON',
    () => parseConnectorFile('{ "name": "a", "config": {', 'connectors/a.json'),
    /connectors\/a\.json: is not JSON: .*Write \{ "name"/,
  ],
  [
    'a topic name that Kafka refuses, created',
    ({ millrace }) => millrace.client.admin().createTopics([{ name: 'my topic', partitions: 1 }]),
    /topic "my topic".*A topic name has 1 to 249 of the characters a-z, A-Z, 0-9, "\.", "_" and "-"/,
  ],
  [
    'a topic name that Kafka refuses, written to',
    ({ millrace }) => millrace.client.producer().send({ topic: 'my topic', value: 'x' }),
    /topic my topic: The topic name is not valid/,
  ],
  [
    'a topic name that Kafka refuses, in a topology',
    () => topic('my topic', { key: string(), value: json() }),
    /topic name.*"my topic".*letters, digits/,
  ],
  [
    'an option of a topic',
    ({ millrace }) => millrace.client.admin().createTopics([typo({ name: 't', partition: 3 })]),
    /topic t: .*"partition".*Did you mean "partitions"/,
  ],
  [
    'a config of a topic',
    ({ millrace }) => millrace.client.admin().createTopics([{ name: 't', configs: { 'retention.m': '1' } }]),
    /topic t.*retention\.m=1.*Did you mean retention\.ms/,
  ],
]

describe('refused, with place, value and remedy, while everything else goes on', () => {
  test.each(refused)('%s', async (_, act, message) => {
    await expect((async () => act(room))()).rejects.toThrow(message)
    expect(await room.millrace.client.admin().listTopics()).not.toContain('t')
    expect((await room.millrace.connect(room.directory)).names()).toEqual([])
  })
})

test.each([
  [{ dat: './data' }, /millrace: has no such option \(got "dat"\)\. Did you mean "data"/],
  [{ data: '' }, /millrace\.data: must name a directory/],
  [{ data: 'd', setings: {} }, /Did you mean "settings"/],
  [{ data: 'd', settings: { 'num.partition': 3 } }, /num\.partition: .*Did you mean "num\.partitions"/],
  [{ data: 'd', settings: { 'num.partitions': 'three' } }, /num\.partitions: .*from 1 to 10000 \(got "three"\)/],
  [{ data: 'd', listen: { port: 0, hosst: 'x' } }, /millrace\.listen.*"hosst".*Did you mean "host"/],
  [{ data: 'd', listen: { port: 99_999 } }, /listen 127\.0\.0\.1: needs a port from 0 to 65535 \(got 99999\)/],
])('an engine of %j does not start', async (options, message) => {
  const parent = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
  const data = 'data' in options && options.data !== '' ? { data: join(parent, 'data') } : {}
  await expect(startMillrace({ ...typo<{ data: string }>(options), ...data, log: silentLog })).rejects.toThrow(message)
  rmSync(parent, { recursive: true, force: true })
})
