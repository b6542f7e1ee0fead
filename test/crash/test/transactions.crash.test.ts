import { Buffer } from 'node:buffer'
import type { Disk, DiskFile } from '@millrace/kernel'
import { recoveryChecks } from '@millrace/log/internal'
import { crc32c, isControl } from '@millrace/record/internal'
import { describe, expect, test } from 'vitest'
import { firstFailure, seedsFrom } from './first-failure.ts'
import { liveTransactions } from './transaction-history.ts'
import { intact, type Weakening, weakenings } from './weakened.ts'

/** `MILLRACE_SEEDS=5000` for a long run, `MILLRACE_SEED=123` for one history again. */
const seedCount = Number(process.env['MILLRACE_SEEDS'] ?? 60)
const onlySeed = process.env['MILLRACE_SEED']

const same = (disk: Disk): Disk => disk

const mutants: readonly Weakening[] = [
  {
    name: 'markers not replayed in recovery',
    disk: same,
    options: { checks: { ...recoveryChecks, replays: (batch) => !isControl(batch) } },
  },
  {
    name: 'snapshots trusted without their checksum',
    disk: (disk) => reading(disk, blessed),
    options: {},
  },
  {
    name: 'the open transactions of a snapshot forgotten',
    disk: (disk) => reading(disk, (bytes) => withoutOpen(bytes)),
    options: {},
  },
  { name: 'the transaction index not written', disk: (disk) => files(disk, { write: () => {} }), options: {} },
  { name: 'the transaction index not synced', disk: (disk) => files(disk, { sync: async () => {} }), options: {} },
  ...weakenings.filter(({ name }) => ['no fdatasync', 'index trusted', 'acknowledged before synced'].includes(name)),
]

const seeds = onlySeed === undefined ? seedsFrom(1, seedCount) : [Number(onlySeed)]

test(`law 6 holds over ${seeds.length} histories of transactions`, { timeout: 600_000 }, async () => {
  expect(await firstFailure(liveTransactions, intact, seeds)).toBeUndefined()
})

describe('the suite of transactions goes red for a log', () => {
  // Their histories are fixed, so a weakness that was found stays found.
  const fixed = seedsFrom(1, 250)
  test.each(mutants)('with $name', { timeout: 600_000 }, async (weakening) => {
    expect(await firstFailure(liveTransactions, weakening, fixed)).toMatch(/^seed \d+: /)
  })
})

/** Snapshots read through `change`. */
function reading(disk: Disk, change: (bytes: Buffer) => Buffer): Disk {
  return replaced(disk, {
    readWhole: (path) => {
      const bytes = disk.readWhole(path)
      return bytes === undefined || !path.endsWith('.snapshot') ? bytes : change(bytes)
    },
  })
}

/** Transaction indexes of which an operation is another. */
function files(disk: Disk, operations: Partial<DiskFile>): Disk {
  return replaced(disk, {
    open: (path, mode) => {
      const file = disk.open(path, mode)
      return path.endsWith('.txnindex') ? replaced(file, operations) : file
    },
  })
}

function replaced<T extends object>(target: T, operations: Partial<T>): T {
  return new Proxy(target, {
    get: (of, name) => {
      const value: unknown = Reflect.get(operations, name) ?? Reflect.get(of, name, of)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
}

/** As a reader without a checksum would take it: every entry that fits. */
function blessed(bytes: Buffer): Buffer {
  const count = Math.max(0, Math.floor((bytes.length - 10) / 46))
  const whole = Buffer.alloc(10 + count * 46)
  bytes.copy(whole, 0, 0, whole.length)
  whole.writeInt16BE(1, 0)
  whole.writeInt32BE(count, 6)
  // An id past 2^53 is refused by the numbers themselves.
  for (let at = 10; at < whole.length; at += 46) for (const wide of [0, 14, 26, 38]) tame(whole, at + wide)
  whole.writeUInt32BE(crc32c(whole.subarray(6)), 2)
  return whole
}

function tame(bytes: Buffer, at: number): void {
  if (bytes[at] !== 0xff) bytes.fill(0, at, at + 2)
}

function withoutOpen(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  for (let at = 10; at + 46 <= changed.length; at += 46) changed.fill(0xff, at + 38, at + 46)
  if (changed.length >= 10) changed.writeUInt32BE(crc32c(changed.subarray(6)), 2)
  return changed
}
