import { Buffer } from 'node:buffer'
import { type Clock, MiB, type Timer } from '@millrace/kernel'
import type { DurablePartition } from './durable-partition.ts'
import type { LogContext } from './log-context.ts'
import type { Segment } from './segment.ts'
import { parseSegmentName } from './segment-names.ts'
import { replaceWhole } from './whole-file.ts'

/** Looks from time to time whether the disk of partitions that have failed works again; never while none has. */
export class FailedPartitions {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #reopen: () => Promise<boolean>
  #timer: Timer | undefined
  /** Another has failed since the last look began: that one may have passed it already. */
  #failedSince = false
  #stopped = false

  /** @param reopen opens again what can be; whether all are open. Never rejects. */
  constructor(clock: Clock, intervalMs: number, reopen: () => Promise<boolean>) {
    this.#clock = clock
    this.#intervalMs = intervalMs
    this.#reopen = reopen
  }

  /** There is one. */
  watch(): void {
    this.#failedSince = true
    if (this.#timer !== undefined || this.#stopped) return
    const look = async () => {
      this.#failedSince = false
      const allOpen = await this.#reopen()
      this.#timer = undefined
      if (!allOpen || this.#failedSince) this.watch()
    }
    this.#timer = this.#clock.after(this.#intervalMs, () => void look(), 'background')
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }
}

/**
 * Makes the files of a partition that has failed fit for `recoverLog`, where its disk works again.
 *
 * A sync that has failed leaves pages that count as written and are not ("fsyncgate"): the next one would say that all
 * is well. So whatever was not known to be synced is written once more, as it can still be read. What the kernel has
 * dropped meanwhile reads as something else: recovery finds that by its checksum, and cuts it off.
 *
 * @throws what the disk throws: it does not work yet.
 */
export async function rewriteUnsynced(context: LogContext, failed: DurablePartition): Promise<void> {
  const { disk, pool, clock } = context
  const { directory, syncedTo, settledTo } = failed
  await failed.idle()
  await replaceWhole(disk, `${directory}/disk-check`, 'Written to see whether the disk works again.\n')
  disk.remove(`${directory}/disk-check`)
  const room = Buffer.allocUnsafeSlow(MiB)
  for (const segment of failed.segments) {
    if (segment.next <= syncedTo && segment.base < settledTo) continue
    if (!disk.exists(segment.path('.log'))) continue // dropped by a recovery that did not come to its end
    const file = pool.use(segment.path('.log'))
    file.truncate(segment.sizeBytes) // the part of an append that was refused
    for (let at = unsyncedFrom(segment, syncedTo); at < segment.sizeBytes; at += room.length) {
      const handle = pool.use(segment.path('.log'))
      const got = handle.read(room, 0, Math.min(room.length, segment.sizeBytes - at), at)
      handle.write(room, 0, got, at)
      await clock.turn()
    }
    await pool.sync(segment.path('.log'))
  }
  for (const name of disk.list(directory)) {
    const parsed = parseSegmentName(name)
    if (parsed?.suffix !== '.snapshot' || parsed.base <= settledTo) continue
    // Made anew, as the indexes are: the pages of these may be lost as well. One whose sync has failed is still open,
    // and would be written where no name leads to.
    pool.close(`${directory}/${name}`)
    disk.remove(`${directory}/${name}`)
  }
  await disk.syncDirectory(directory)
}

/** Position in the file; never behind the last batch, so that something is tried in any case. */
function unsyncedFrom(segment: Segment, syncedTo: number): number {
  try {
    const last = segment.lastStep()?.position ?? 0
    return Math.min(last, segment.locate(syncedTo)?.position ?? last)
  } catch {
    return 0 // batches are lost: what is there instead is for recovery to judge
  }
}
