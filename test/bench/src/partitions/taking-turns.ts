import { offset } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { ValidBatch } from '@millrace/record/internal'

/** Partitions that take turns, each with a reader that goes on where it was. */
export class TakingTurns {
  readonly #logs: readonly PartitionLog[]
  readonly #next: Float64Array

  constructor(logs: readonly PartitionLog[]) {
    this.#logs = logs
    this.#next = new Float64Array(logs.length)
  }

  append(i: number, sent: ValidBatch): void {
    this.#logs[i % this.#logs.length]!.append(sent)
  }

  fetch(i: number, bytesMax: number, records: number): void {
    const at = i % this.#logs.length
    this.#logs[at]!.read(offset(this.#next[at]!), bytesMax, 'read_uncommitted')
    this.#next[at]! += records
  }
}
