import { createClient } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { SimDisk } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { type EngineOptions, startEngine } from '../src/index.ts'
import { testPorts } from './cluster-under-test.ts'

/** An engine in memory, and what it has to say. */
async function start(options: Pick<EngineOptions, 'settings' | 'log'>) {
  const warnings: string[] = []
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message), child: () => log }
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
