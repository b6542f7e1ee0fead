import { TopicPartitionMap } from '@millrace/kernel'
import type { CommittedOffset, StoredOffset } from './committed-offset.ts'
import type { GroupMemory } from './group-memory.ts'

/** What an offset takes besides its text, roughly. */
const offsetBytes = 150

export function bytesOfOffset(committed: Pick<CommittedOffset, 'metadata'> | undefined): number {
  return committed === undefined ? 0 : offsetBytes + committed.metadata.length
}

/** Offsets by partition, counted as long as they are held. */
export class CountedOffsets extends TopicPartitionMap<StoredOffset> {
  readonly #memory: GroupMemory
  #isHeld = true

  constructor(memory: GroupMemory) {
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
