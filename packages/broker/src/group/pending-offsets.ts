import type { TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { StoredOffset } from './committed-offset.ts'
import type { GroupMemory } from './group-memory.ts'
import { CountedOffsets } from './offset-memory.ts'

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
  readonly groups: Map<string, CountedOffsets>
}

const noCommits: ReadonlySet<OpenCommit> = new Set()
const none: ReadonlyMap<string, TopicPartitionMap<StoredOffset>> = new Map()

/**
 * Offsets that were committed in transactions still open: nobody sees them before the marker, and they neither expire
 * nor let what was committed before them be taken for the last word (`requireStable`).
 */
export class PendingOffsets {
  /** By producer: a transaction has one commit a partition of `__consumer_offsets`. */
  readonly #open = new Map<number, OpenCommit[]>()
  /** The open commits of a group. */
  readonly #groups = new Map<string, Set<OpenCommit>>()
  readonly #memory: GroupMemory

  constructor(memory: GroupMemory) {
    this.#memory = memory
  }

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
      offsets = new CountedOffsets(this.#memory)
      commit.groups.set(groupId, offsets)
      const ofGroup = this.#groups.get(groupId)
      if (ofGroup === undefined) this.#groups.set(groupId, new Set([commit]))
      else ofGroup.add(commit)
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
    for (const [groupId, offsets] of ended.groups) {
      this.#leave(groupId, ended)
      offsets.release()
    }
    return ended.groups
  }

  hasGroup(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  has(groupId: string, topic: string, partition: number): boolean {
    for (const { groups } of this.#of(groupId)) if (groups.get(groupId)?.has(topic, partition) === true) return true
    return false
  }

  partitionsOf(groupId: string): TopicPartition[] {
    return [...this.#of(groupId)].flatMap(({ groups }) => [...(groups.get(groupId) ?? [])].map(([at]) => at))
  }

  /** What was committed for a partition is void, whatever becomes of the transactions. */
  drop(groupId: string, topic: string, partition: number): void {
    for (const { groups } of this.#of(groupId)) groups.get(groupId)?.delete(topic, partition)
  }

  dropGroup(groupId: string): void {
    for (const { groups } of this.#of(groupId)) {
      groups.get(groupId)?.release()
      groups.delete(groupId)
    }
    this.#groups.delete(groupId)
  }

  #of(groupId: string): ReadonlySet<OpenCommit> {
    return this.#groups.get(groupId) ?? noCommits
  }

  #leave(groupId: string, commit: OpenCommit): void {
    const ofGroup = this.#groups.get(groupId)
    ofGroup?.delete(commit)
    if (ofGroup?.size === 0) this.#groups.delete(groupId)
  }
}
