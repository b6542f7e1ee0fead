import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeRandom } from '@millrace/kernel/node'
import { SimRandom } from '@millrace/kernel/sim'
import { type LogDirectory, openLogDirectory } from '@millrace/log/internal'
import { BatchCursor, openBatches } from '@millrace/record/internal'
import { afterAll, beforeAll, expect, test } from 'vitest'

const program = fileURLToPath(new URL('appender.mjs', import.meta.url))
let path: string

beforeAll(() => {
  path = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
})
afterAll(() => rmSync(path, { recursive: true, force: true }))

function open(): Promise<LogDirectory> {
  const ports = { disk: nodeDisk(), clock: nodeClock(), random: nodeRandom(), log: silentLog, metrics: memoryMetrics() }
  return openLogDirectory(path, ports)
}

/** Starts the appender and kills it after so many lines. Returns the highest offset it had acknowledged. */
async function killAfter(lines: number, whileRunning: (child: ChildProcess) => Promise<void>): Promise<number> {
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  let acknowledged = 0
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [first, second] = line.split(' ')
    if (first === 'open') await whileRunning(child)
    else if (second !== undefined) acknowledged = Math.max(acknowledged, Number(first))
    if (++seen === lines) child.kill('SIGKILL')
  }
  const [, signal] = await ended
  expect(signal).toBe('SIGKILL')
  return acknowledged
}

test('kill -9: what was acknowledged is there, in order, nothing is half-written, and the lock is gone', async () => {
  const random = new SimRandom(Number(process.env['MILLRACE_SEED'] ?? 6))
  let epoch = -1
  for (let round = 0; round < 5; round++) {
    const acknowledged = await killAfter(2 + random.integer(3000), async (child) => {
      await expect(open()).rejects.toThrow(new RegExp(`process ${child.pid} holds it`))
    })
    const directory = await open()
    const log = directory.partition('orders', 0)!
    expect(log.highWatermark).toBeGreaterThanOrEqual(acknowledged)
    expect(log.leaderEpoch).toBeGreaterThan(epoch)
    epoch = log.leaderEpoch
    let next = 0
    const cursor = new BatchCursor()
    while (next < log.highWatermark) {
      const { bytes } = log.read(offset(next), 100_000, 'read_uncommitted')
      for (const batch of openBatches(bytes, { source: 'read', position: 0 })) {
        cursor.open(batch)
        while (cursor.next()) {
          expect(cursor.offset).toBe(next)
          expect(cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)).toBe(`value-${next++}`)
        }
      }
    }
    await directory.close()
  }
}, 120_000)

test('a data directory is held once, also within a process', async () => {
  const first = await open()
  await expect(open()).rejects.toThrow(/this process already holds it/)
  await first.close()
  await (await open()).close()
})
