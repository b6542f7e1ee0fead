import { createClient } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { SimDisk } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { type EngineOptions, startEngine } from '../src/index.ts'
import { testPorts } from './cluster-under-test.ts'

/** An engine in memory, and what it has to say. */
async function start(options: Pick<EngineOptions, 'settings' | 'log'>) {
  const warnings: string[] = []
  const warn = (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void warnings.push(fields?.['setting'] === undefined ? message : `${message}: ${String(fields['setting'])}`)
  const log = { ...silentLog, warn, child: () => log }
  const disk = new SimDisk()
  const ports = { ...testPorts(), disk, log }
  const engine = await startEngine({ directory: '/data', ports, ...options })
  return { engine, warnings, disk, ports }
}

const unsynced = 'acks=all does not wait for the disk: a loss of power may lose acknowledged records'

test('settings of the log reach it, by their names at Apache Kafka', async () => {
  const plain = await start({})
  expect(plain.warnings).toEqual([])
  const changed = await start({ settings: { 'acks.all.sync': 'false' } })
  expect(changed.warnings).toEqual([unsynced])
  const overruled = await start({ settings: { 'acks.all.sync': false }, log: { syncAcksAll: true } })
  expect(overruled.warnings).toEqual([])
  for (const { engine } of [plain, changed, overruled]) await engine.close()
})

test('what is wrong with them is said by their names', async () => {
  await expect(start({ settings: { 'producer.id.expiration.ms': 0 } })).rejects.toMatchObject({ code: 'CONFIG' })
  const misspelt: object = { 'log.cleaner.backof.ms': 1 }
  await expect(start({ settings: misspelt })).rejects.toThrow(/log\.cleaner\.backoff\.ms/)
})

test('defaults of topics are settings, and what a topic says itself goes before them', async () => {
  const settings = { 'log.retention.hours': '2', 'log.segment.bytes': 4096, 'log.cleanup.policy': 'compact' }
  const topicDefaults = new Map([['segment.bytes', '8192']])
  const { engine, ports, warnings } = await start({ settings, log: { topicDefaults } })
  const client = createClient({ transport: engine.loopback(), ports })
  const admin = client.admin()
  await admin.createTopics([{ name: 'orders', partitions: 1, configs: { 'cleanup.policy': 'delete' } }])
  const configs = await admin.topicConfigs('orders')
  const told = ['retention.ms', 'segment.bytes', 'cleanup.policy', 'segment.ms'].map((name) => {
    const { value, source } = configs.get(name) ?? {}
    return [name, value, source]
  })
  expect(told).toEqual([
    ['retention.ms', '7200000', 'broker'],
    ['segment.bytes', '8192', 'broker'],
    ['cleanup.policy', 'delete', 'topic'],
    ['segment.ms', '604800000', 'default'],
  ])
  const ofBroker = await admin.describeConfigs({ type: 'broker', name: '0' })
  expect(ofBroker.get('log.retention.hours')).toMatchObject({ value: '2', source: 'broker' })
  expect(ofBroker.get('log.retention.ms')).toMatchObject({ value: null, source: 'default' })
  expect(warnings).toEqual([])
  await client.close()
  await engine.close()
})

test("a topic goes by the server's default message.max.bytes", async () => {
  const { engine, ports } = await start({ settings: { 'message.max.bytes': 200 } })
  const client = createClient({ transport: engine.loopback(), ports })
  await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
  const producer = client.producer()
  await producer.send({ topic: 'orders', value: 'short' })
  const tooLarge = { code: 'MESSAGE_TOO_LARGE' }
  await expect(producer.send({ topic: 'orders', value: 'long'.repeat(100) })).rejects.toMatchObject(tooLarge)
  await expect(producer.flush()).rejects.toMatchObject(tooLarge)
  await client.close()
  await engine.close()
})

test('what says nothing to one broker is left aside, by name', async () => {
  const settings: object = { 'process.roles': 'broker,controller', 'num.io.threads': '8' }
  const { engine, warnings } = await start({ settings })
  const unused = 'a setting of Apache Kafka has no effect'
  expect(warnings).toEqual([`${unused}: process.roles`, `${unused}: num.io.threads`])
  await engine.close()
})

test('acks=all is answered without the disk when acks.all.sync is false', async () => {
  for (const sync of [true, false]) {
    const { engine, disk, ports } = await start({ settings: { 'acks.all.sync': sync } })
    const client = createClient({ transport: engine.loopback(), ports })
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    const producer = client.producer()
    await producer.send({ topic: 'orders', partition: 0, value: 'first' })
    const before = disk.syncs
    await producer.send({ topic: 'orders', partition: 0, value: 'second' })
    expect(disk.syncs > before).toBe(sync)
    await client.close()
    await engine.close()
  }
})
