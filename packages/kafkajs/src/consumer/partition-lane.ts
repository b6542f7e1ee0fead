import type { PolledBatch } from '@millrace/client'
import type { Timer } from '@millrace/kernel'
import type { RetryPauses } from '../retry.ts'
import { FetchedBatch } from './fetched-batch.ts'

/** One assigned partition: what was fetched of it and waits, and how far its records are done. */
export class PartitionLane {
  readonly topic: string
  readonly partition: number
  /** The offset after the last record that is done; undefined before the first. */
  resolved: number | undefined
  /** The position that the group is known to have. */
  committed: number | undefined
  /** Its records are with the program now. */
  busy = false
  /** It waits for its turn. */
  listed = false
  /** Taken away by the group: what is still with the program comes back to nothing. */
  revoked = false
  /** Where the program wants to go on, when the records it has now are done. */
  sought: number | undefined
  /** Fetching is held up: enough waits. */
  held = false
  /** No work before this timer. */
  rest: Timer | undefined
  /** Of a failure that is being tried again. */
  pauses: RetryPauses | undefined
  queuedBytes = 0
  #queue: PolledBatch[] = []
  #idle: (() => void)[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  /** The rest of the records that are with the program is not wanted any more. */
  get isStale(): boolean {
    return this.revoked || this.sought !== undefined
  }

  put(batch: PolledBatch): void {
    this.#queue.push(batch)
    this.queuedBytes += batch.batch.length
  }

  /** What waits, at most `bytesMax` of it, one batch at least. */
  take(bytesMax: number, highWatermark: number): FetchedBatch | undefined {
    const first = this.#queue[0]
    if (first === undefined) return undefined
    let count = 1
    let bytes = first.batch.length
    for (; count < this.#queue.length; count++) {
      const size = this.#queue[count]!.batch.length
      if (bytes + size > bytesMax) break
      bytes += size
    }
    const parts = this.#queue.splice(0, count)
    this.queuedBytes -= bytes
    return new FetchedBatch(this.topic, this.partition, parts, highWatermark)
  }

  /** What is left of a batch goes back to the front. */
  putBack(batch: FetchedBatch, from: number): void {
    const left = batch.partsFrom(from)
    this.#queue.unshift(...left)
    for (const part of left) this.queuedBytes += part.batch.length
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue = []
    this.queuedBytes = 0
    this.rest?.cancel()
    this.rest = undefined
  }

  begin(): void {
    this.busy = true
  }

  end(): void {
    this.busy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Resolves when the program has given back what it has. */
  idle(): Promise<void> {
    if (!this.busy) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }
}
