import { TopicPartitionMap } from '@millrace/kernel'
import type { CommittedOffset, StoredOffset } from './committed-offset.ts'

/** What an offset takes besides its text, roughly. */
const offsetBytes = 150

/** What the committed offsets of all groups take, those of open transactions among them (`group.offsets.max.bytes`). */
export class OffsetMemory {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whoever takes no more than before always has it. */
  hasRoom(moreBytes: number): boolean {
    return moreBytes <= 0 || this.#bytes + moreBytes <= this.#bytesMax
  }

  /** So many bytes more, or less. */
  changed(bytes: number): void {
    this.#bytes += bytes
  }
}

export function bytesOfOffset(committed: Pick<CommittedOffset, 'metadata'> | undefined): number {
  return committed === undefined ? 0 : offsetBytes + committed.metadata.length
}

/** Offsets by partition, counted as long as they are held. */
export class CountedOffsets extends TopicPartitionMap<StoredOffset> {
  readonly #memory: OffsetMemory
  #isHeld = true

  constructor(memory: OffsetMemory) {
    super()
    this.#memory = memory
  }

  override set(topic: string, partition: number, value: StoredOffset): this {
    this.#changed(bytesOfOffset(value) - bytesOfOffset(this.get(topic, partition)))
    return super.set(topic, partition, value)
  }

  override delete(topic: string, partition: number): boolean {
    this.#changed(-bytesOfOffset(this.get(topic, partition)))
    return super.delete(topic, partition)
  }

  /** They are held no more. They can still be read. */
  release(): void {
    for (const value of this.values()) this.#changed(-bytesOfOffset(value))
    this.#isHeld = false
  }

  #changed(bytes: number): void {
    if (this.#isHeld) this.#memory.changed(bytes)
  }
}
