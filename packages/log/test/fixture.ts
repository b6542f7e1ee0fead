import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Disk, silentLog } from '@millrace/kernel'
import { nodeDisk } from '@millrace/kernel/node'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { BatchBuilder, type BatchIdentity, bytesOut, openBatches, type ValidBatch } from '@millrace/record/internal'
import { type LogDirectory, type LogDirectoryOptions, type LogPorts, openLogDirectory } from '../src/internal.ts'

export const startMs = 1_700_000_000_000

export function ports(disk: Disk): LogPorts {
  return { disk, clock: new SimClock(startMs), random: new SimRandom(1), log: silentLog, metrics: memoryMetrics() }
}

/** One batch of records with these values; key `k`. */
export function batch(
  values: readonly string[],
  more: BatchIdentity & { timestampMs?: number; key?: string | null } = {},
): ValidBatch {
  const builder = new BatchBuilder()
  const key = more.key === null ? null : Buffer.from(more.key ?? 'k')
  for (const value of values) {
    builder.append(more.timestampMs ?? startMs, key, bytesOut, Buffer.from(value), bytesOut, null)
  }
  return builder.build(more)
}

export function batchesOf(bytes: Buffer): ValidBatch[] {
  return openBatches(bytes, { source: 'read', position: 0 })
}

export interface Fixture {
  readonly name: string
  readonly path: string
  readonly disk: Disk
  remove(): void
}

/** The same tests on both disks. */
export const disks: readonly [string, () => Fixture][] = [
  ['node disk', nodeFixture],
  ['simulated disk', () => ({ name: 'sim', path: '/data', disk: new SimDisk(), remove: () => {} })],
]

function nodeFixture(): Fixture {
  const path = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  return { name: 'node', path, disk: nodeDisk(), remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function openAt(fixture: { path: string; disk: Disk }, options?: LogDirectoryOptions): Promise<LogDirectory> {
  return openLogDirectory(fixture.path, ports(fixture.disk), options)
}
