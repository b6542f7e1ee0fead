import { type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { StoredOffset } from './committed-offset.ts'

/** For whom and in whose transaction an offset is committed. */
export interface PendingPlace {
  /** Of `__consumer_offsets`: where the marker will come. */
  readonly partition: number
  readonly producerId: number
  readonly groupId: string
  readonly topic: string
  readonly topicPartition: number
}

interface OpenCommit {
  readonly partition: number
  readonly groups: Map<string, TopicPartitionMap<StoredOffset>>
}

const none: ReadonlyMap<string, TopicPartitionMap<StoredOffset>> = new Map()

/**
 * Offsets that were committed in transactions still open: nobody sees them before the marker, and they neither expire
 * nor let what was committed before them be taken for the last word (`requireStable`).
 */
export class PendingOffsets {
  /** By producer: a transaction has one commit a partition of `__consumer_offsets`. */
  readonly #open = new Map<number, OpenCommit[]>()
  readonly #groups = new Map<string, number>()

  add({ partition, producerId, groupId, topic, topicPartition }: PendingPlace, value: StoredOffset): void {
    const commits = this.#open.get(producerId) ?? []
    this.#open.set(producerId, commits)
    let commit = commits.find((each) => each.partition === partition)
    if (commit === undefined) {
      commit = { partition, groups: new Map() }
      commits.push(commit)
    }
    let offsets = commit.groups.get(groupId)
    if (offsets === undefined) {
      offsets = new TopicPartitionMap()
      commit.groups.set(groupId, offsets)
      this.#groups.set(groupId, (this.#groups.get(groupId) ?? 0) + 1)
    }
    offsets.set(topic, topicPartition, value)
  }

  /** Takes out what the producer's transaction has committed in a partition of `__consumer_offsets`, by group. */
  end(partition: number, producerId: number): ReadonlyMap<string, TopicPartitionMap<StoredOffset>> {
    const commits = this.#open.get(producerId)
    const at = commits?.findIndex((each) => each.partition === partition) ?? -1
    const [ended] = commits === undefined || at < 0 ? [] : commits.splice(at, 1)
    if (commits?.length === 0) this.#open.delete(producerId)
    if (ended === undefined) return none
    for (const groupId of ended.groups.keys()) this.#leave(groupId)
    return ended.groups
  }

  hasGroup(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  has(groupId: string, topic: string, partition: number): boolean {
    if (!this.#groups.has(groupId)) return false
    for (const { groups } of this.#commits()) if (groups.get(groupId)?.has(topic, partition) === true) return true
    return false
  }

  partitionsOf(groupId: string): TopicPartition[] {
    if (!this.#groups.has(groupId)) return []
    return [...this.#commits()].flatMap(({ groups }) => [...(groups.get(groupId) ?? [])].map(([at]) => at))
  }

  /** What was committed for a partition is void, whatever becomes of the transactions. */
  drop(groupId: string, topic: string, partition: number): void {
    if (!this.#groups.has(groupId)) return
    for (const { groups } of this.#commits()) groups.get(groupId)?.delete(topic, partition)
  }

  dropGroup(groupId: string): void {
    if (!this.#groups.delete(groupId)) return
    for (const { groups } of this.#commits()) groups.delete(groupId)
  }

  *#commits(): Generator<OpenCommit> {
    for (const commits of this.#open.values()) yield* commits
  }

  #leave(groupId: string): void {
    const left = (this.#groups.get(groupId) ?? 0) - 1
    if (left > 0) this.#groups.set(groupId, left)
    else this.#groups.delete(groupId)
  }
}
