import { execFileSync } from 'node:child_process'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@millrace/kernel'
import { startMillrace } from 'millrace'
import { afterEach, expect, test } from 'vitest'
import { readPartition } from '../src/millrace-room.ts'
import { startEngineProcess } from '../src/started-processes.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
  cleanups.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Four MiB of memory as a file system; undefined where this user cannot make one. */
function smallMount(): string | undefined {
  const path = directory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    console.warn('SKIPPED: a real small mount cannot be made here (it takes root)')
    return undefined
  }
  cleanups.push(() => execFileSync('umount', [path]))
  return path
}

function start(data: string) {
  return startMillrace({ data, log: silentLog })
}

test('a data directory that another process holds is refused, with its pid; that process goes on', async () => {
  const data = directory()
  const holder = startEngineProcess(data, 0)
  cleanups.push(() => holder.kill())
  await holder.said(/^ready /)
  await expect(start(data)).rejects.toMatchObject({
    code: 'DIRECTORY_IN_USE',
    message: expect.stringMatching(/process \d+ holds it.*Stop that process, or choose another directory/),
  })
  expect(await holder.stop()).toBe(0)
  await (await start(data)).close()
})

test('a corrupt segment takes its partition offline, naming file and position; the other partitions go on', async () => {
  const data = directory()
  const before = await start(data)
  const admin = before.client.admin()
  await admin.createTopics([{ name: 'orders', partitions: 2 }])
  const producer = before.client.producer()
  for (const partition of [0, 1]) {
    for (let i = 0; i < 10; i++) await producer.send({ topic: 'orders', partition, value: `order ${i}` })
  }
  await before.close()
  const [segment = ''] = readdirSync(join(data, 'log/orders-0')).filter((name) => name.endsWith('.log'))
  const file = join(data, 'log/orders-0', segment)
  const middle = Math.floor(statSync(file).size / 2)
  const flipped = readFileSync(file).subarray(middle, middle + 1)
  writeSync(openSync(file, 'r+'), Buffer.from([(flipped[0] ?? 0) ^ 0xff]), 0, 1, middle)
  rmSync(join(data, 'log/.kafka_cleanshutdown'))

  const lines: string[] = []
  const note = (message: string, fields?: object) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const log = { ...silentLog, warn: note, error: note, child: () => log }
  const after = await startMillrace({ data, log })
  cleanups.push(() => after.close())
  expect(lines.join('\n')).toMatch(/orders-0\/\d{20}\.log:\d+: .*Restore the partition/)
  expect((await readPartition(after.client, 'orders', 1)).length).toBe(10)
  expect((await after.client.producer().send({ topic: 'orders', partition: 1, value: 'x' })).offset).toBe(10)
  const writer = after.client.producer({ deliveryTimeoutMs: 500 })
  await expect(writer.send({ topic: 'orders', partition: 0, value: 'x' })).rejects.toThrow(/orders-0.*no leader/i)
  await writer.close().catch(() => {})
})

test('a full disk: nothing acknowledged is lost, readers go on, and writers too once there is room; read-only is told at the start', async () => {
  const mount = smallMount()
  if (mount === undefined) return
  const data = join(mount, 'data')
  const millrace = await start(data)
  cleanups.push(() => millrace.close())
  const admin = millrace.client.admin()
  await admin.createTopics([{ name: 'orders', partitions: 1 }])
  const value = 'x'.repeat(50_000)
  const acknowledged: string[] = []
  const impatient = millrace.client.producer({ deliveryTimeoutMs: 2_000, requestTimeoutMs: 2_000 })
  let refusal: unknown
  while (refusal === undefined) {
    const text = `${acknowledged.length} ${value}`
    await impatient.send({ topic: 'orders', value: text }).then(
      () => acknowledged.push(text),
      (error: unknown) => {
        refusal = error
      },
    )
  }
  expect(String(refusal)).toMatch(/orders-0/)
  expect(String(refusal)).toMatch(/no space is left/)
  expect(acknowledged.length).toBeGreaterThan(10)
  expect((await readPartition(millrace.client, 'orders', 0)).map((record) => record.value)).toEqual(acknowledged)

  await impatient.close().catch(() => {}) // what it could not deliver was told above

  // A producer with patience waits for room.
  const patient = millrace.client.producer()
  const waiting = patient.send({ topic: 'orders', value: 'patient' })
  execFileSync('mount', ['-o', 'remount,size=16m', mount])
  await waiting
  await millrace.close()

  execFileSync('mount', ['-o', 'remount,ro', mount])
  await expect(start(data)).rejects.toMatchObject({
    code: 'DISK_READ_ONLY',
    message: expect.stringMatching(new RegExp(`${data}.*read-only.*Mount it for writing`)),
  })
  execFileSync('mount', ['-o', 'remount,rw', mount])
  const again = await start(data)
  const kept = (await readPartition(again.client, 'orders', 0)).map((record) => record.value)
  await again.close()
  expect(kept.filter((text) => text !== 'patient').slice(0, acknowledged.length)).toEqual(acknowledged)
  expect(kept.at(-1)).toBe('patient')
})

test('a data directory that is a file is named', async () => {
  const file = join(directory(), 'data')
  writeFileSync(file, '')
  await expect(start(file)).rejects.toThrow(new RegExp(`${file}.*a file is in the way.*Choose another directory`))
})
