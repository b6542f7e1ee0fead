import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { command, killAll, startServer } from './command-process.ts'

let folder = ''

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-'))
})

afterEach(async () => {
  await killAll()
  fs.rmSync(folder, { recursive: true, force: true })
})

function kafka(address: string): Kafka {
  return new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })
}

async function produceByKafkajs(address: string, values: readonly string[]): Promise<void> {
  const producer = kafka(address).producer()
  await producer.connect()
  await producer.send({ topic: 'posts', acks: -1, messages: values.map((value) => ({ value })) })
  await producer.disconnect()
}

async function consumeByKafkajs(address: string, count: number): Promise<string[]> {
  const consumer = kafka(address).consumer({ groupId: 'readers' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'posts', fromBeginning: true })
  const values: string[] = []
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          values.push(String(message.value))
          if (values.length === count) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return values
}

test('one line when it is ready, kafkajs writes and reads, SIGTERM ends it with 0', async () => {
  const { server, address } = await startServer(folder)
  await produceByKafkajs(address, ['one', 'two'])
  expect(await consumeByKafkajs(address, 2)).toEqual(['one', 'two'])
  server.kill('SIGTERM')
  expect(await server.ended).toBe(0)
  expect(server.errors).toBe('')
  expect(server.out.split('\n')).toHaveLength(2)
})

test('what was acknowledged is there after SIGKILL, read by kafkajs and by the command', async () => {
  const first = await startServer(folder)
  const values = Array.from({ length: 500 }, (_, i) => `value ${i}`)
  await produceByKafkajs(first.address, values)
  first.server.kill('SIGKILL')
  expect(await first.server.ended).toBe('SIGKILL')

  const { server, address } = await startServer(folder)
  expect(await consumeByKafkajs(address, 500)).toEqual(values)
  const read = await command(folder, ['consume', 'posts', '--from-beginning', '--until-end', '--bootstrap', address])
  expect(read.out).toBe(`${values.join('\n')}\n`)
  server.kill('SIGINT')
  expect(await server.ended).toBe(0)
})

test('topics are made, shown, changed and deleted; on the directory itself once the server is gone', async () => {
  const { server, address } = await startServer(folder, '--set', 'num.partitions=3', '--set', 'log.retention.ms=5000')
  const topics = (...args: string[]) => command(folder, ['topics', ...args, '--bootstrap', address])
  expect(await topics('create', 'orders')).toMatchObject({ code: 0, out: 'made orders with 3 partitions\n' })
  expect(await topics('create', 'users', '--partitions', '1', '--config', 'cleanup.policy=compact')).toMatchObject({
    out: 'made users with 1 partition\n',
  })
  expect(await topics()).toMatchObject({ code: 0, out: 'orders\nusers\n' })
  expect((await topics('describe', 'users')).out).toMatch(
    /^users \(\S+\), 1 partition\n {2}partition 0: offsets 0 to 0, leader 0\n {2}cleanup.policy=compact\n$/,
  )
  expect(await topics('config', 'users', 'cleanup.policy=', 'retention.ms=-1')).toMatchObject({
    out: '  retention.ms=-1\n',
  })
  expect(await topics('delete', 'orders')).toMatchObject({ code: 0, out: 'deleted orders\n' })

  const held = await command(folder, ['topics', 'list', '--data', 'data'])
  expect(held.code).toBe(1)
  expect(held.errors).toMatch(/^error: \S+data\/log: process \d+ holds it\. Ask that process with --bootstrap/)
  server.kill('SIGTERM')
  await server.ended
  expect(await command(folder, ['topics', 'list', '--data', 'data'])).toMatchObject({ code: 0, out: 'users\n' })
})

test('lines become records and come out again, with keys, in groups, as JSON', async () => {
  const { address } = await startServer(folder, '--set', 'num.partitions=1')
  const at = ['--bootstrap', address]
  await command(folder, ['topics', 'create', 'posts', ...at])
  const written = await command(folder, ['produce', 'posts', '--key-separator', ':', ...at], 'a:1\nb:2:3\r\nc:')
  expect(written).toMatchObject({ code: 0, errors: 'wrote 3 records to posts\n' })

  const all = ['consume', 'posts', '--from-beginning', ...at]
  expect(await command(folder, [...all, '--until-end', '--key-separator', '='])).toMatchObject({
    code: 0,
    out: 'a=1\nb=2:3\nc=\n',
  })
  const json = await command(folder, [...all, '--max', '1', '--format', 'json'])
  const record: unknown = JSON.parse(json.out)
  expect(record).toMatchObject({ topic: 'posts', partition: 0, offset: 0, key: 'a', value: '1', headers: [] })

  expect((await command(folder, [...all, '--group', 'g', '--max', '2'])).out).toBe('1\n2:3\n')
  await command(folder, ['produce', 'posts', '--compression', 'gzip', ...at], '4\n')
  expect((await command(folder, [...all, '--group', 'g', '--max', '2'])).out).toBe('\n4\n')

  const bad = await command(folder, ['produce', 'posts', '--key-separator', ':', ...at], 'a:1\nno key\n')
  expect(bad).toMatchObject({ code: 1 })
  expect(bad.errors).toMatch(/^error: line 2: has no separator between key and value \(got "no key"\)/)
})
