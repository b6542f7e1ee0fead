import { MillraceError, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { PolledBatch } from '../records.ts'
import { PartitionState } from './partition-state.ts'

/** The partitions that a consumer reads, and whose turn it is. */
export class Assignment {
  #states = new TopicPartitionMap<PartitionState>()
  /** The same, in the order they take turns. */
  #order: readonly PartitionState[] = []
  #turn = 0

  get states(): readonly PartitionState[] {
    return this.#order
  }

  partitions(): TopicPartition[] {
    return this.#order.map(({ topic, partition }) => ({ topic, partition }))
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#states.has(topic, partition)
  }

  /** @throws STATE when it is not assigned. */
  state(at: TopicPartition): PartitionState {
    const state = this.#states.get(at.topic, at.partition)
    if (state !== undefined) return state
    throw new MillraceError('STATE', 'is not assigned to this consumer', {
      place: partitionName(at.topic, at.partition),
    })
  }

  /** Partitions that stay keep their position and what was fetched. Returns what is read no longer. */
  set(partitions: readonly TopicPartition[]): PartitionState[] {
    const before = this.#states
    this.#states = new TopicPartitionMap()
    for (const at of partitions) {
      this.#states.set(at.topic, at.partition, before.get(at.topic, at.partition) ?? new PartitionState(at))
    }
    const gone = [...before.values()].filter((state) => !this.has(state))
    for (const state of gone) state.discard()
    this.#order = [...this.#states.values()]
    this.#turn = 0
    return gone
  }

  /** Partitions take turns, batch by batch. */
  take(bytesMax: number): PolledBatch[] {
    const taken: PolledBatch[] = []
    let bytes = 0
    let without = 0
    while (without < this.#order.length && bytes < bytesMax) {
      const state = this.#order[this.#turn++ % this.#order.length]!
      const next = state.paused ? undefined : state.buffered[0]
      if (next === undefined) {
        without++
        continue
      }
      if (taken.length > 0 && bytes + next.batch.length > bytesMax) break
      without = 0
      bytes += next.batch.length
      taken.push(next)
      state.take()
    }
    if (this.#turn > 1e9) this.#turn %= this.#order.length
    return taken
  }

  /** Whether a position has moved past what is not for users since the last call. */
  takeSkips(): boolean {
    let has = false
    for (const state of this.#order) {
      if (!state.hasSkipped) continue
      state.hasSkipped = false
      has = true
    }
    return has
  }
}

/** Those of `partitions` that are not among `others`. */
export function without(partitions: readonly TopicPartition[], others: readonly TopicPartition[]): TopicPartition[] {
  const known = new TopicPartitionMap<true>()
  for (const { topic, partition } of others) known.set(topic, partition, true)
  return partitions.filter(({ topic, partition }) => !known.has(topic, partition))
}
