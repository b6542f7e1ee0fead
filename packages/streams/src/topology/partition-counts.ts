import { configError } from '@millrace/kernel'
import type { Plan } from './plan.ts'

/** Partitions of every topic of a plan, by real name, and tasks per sub-topology. */
export interface PartitionCounts {
  readonly topics: ReadonlyMap<string, number>
  /** By sub-topology id: as many tasks as its source topic with the most partitions has. */
  readonly tasks: readonly number[]
}

/**
 * Works out how many partitions repartition and changelog topics have, from those of the user's topics.
 *
 * @param partitionsOf the partitions of a topic that exists, undefined where it does not. An existing repartition topic
 * keeps its own.
 * @throws CONFIG naming the topic when a source does not exist, or topics that are joined differ in their partitions.
 */
export function resolvePartitions(plan: Plan, partitionsOf: (topic: string) => number | undefined): PartitionCounts {
  const counts = new Map<string, number>()
  for (const topic of plan.externalSourceTopics) {
    const partitions = partitionsOf(topic)
    if (partitions === undefined)
      throw configError('topology source', 'does not exist', topic, 'Create the topic first.')
    counts.set(topic, partitions)
  }
  for (const { name, partitions } of plan.repartitionTopics) {
    const known = partitionsOf(name) ?? partitions
    if (known !== undefined) counts.set(name, known)
  }
  while (settle(plan, counts));
  checkCopartitioned(plan, counts)
  const tasks = plan.subtopologies.map((sub) => Math.max(...sub.sourceTopics.map((topic) => countOf(counts, topic))))
  for (const sub of plan.subtopologies) {
    for (const { changelog } of sub.stores) counts.set(changelog.name, tasks[sub.id]!)
  }
  return { topics: counts, tasks }
}

/** One round: fills counts that follow from others. True when something changed. */
function settle(plan: Plan, counts: Map<string, number>): boolean {
  let changed = false
  for (const { name } of plan.repartitionTopics) {
    if (counts.has(name)) continue
    const partitions = fromCopartitioned(plan, counts, name) ?? fromUpstream(plan, counts, name)
    if (partitions === undefined) continue
    counts.set(name, partitions)
    changed = true
  }
  return changed
}

/** What it is joined with decides: the records must meet. */
function fromCopartitioned(plan: Plan, counts: ReadonlyMap<string, number>, topic: string): number | undefined {
  for (const { copartitioned } of plan.subtopologies) {
    for (const group of copartitioned) {
      if (!group.includes(topic)) continue
      const known = group.flatMap((other) => counts.get(other) ?? [])
      if (known.length > 0) return Math.max(...known)
    }
  }
  return undefined
}

/** Else as many as the widest source of the sub-topologies that write it. */
function fromUpstream(plan: Plan, counts: ReadonlyMap<string, number>, topic: string): number | undefined {
  const writers = plan.subtopologies.filter(({ sinkTopics }) => sinkTopics.includes(topic))
  const sources = writers.flatMap(({ sourceTopics }) => sourceTopics).filter((source) => source !== topic)
  const known = sources.flatMap((source) => counts.get(source) ?? [])
  return known.length < sources.length || known.length === 0 ? undefined : Math.max(...known)
}

function checkCopartitioned(plan: Plan, counts: ReadonlyMap<string, number>): void {
  for (const { copartitioned } of plan.subtopologies) {
    for (const group of copartitioned) {
      const sizes = group.map((topic) => countOf(counts, topic))
      if (new Set(sizes).size === 1) continue
      const text = group.map((topic, i) => `${topic}: ${sizes[i]}`).join(', ')
      throw configError(
        'topology join',
        'joins topics with different numbers of partitions, so equal keys would not meet',
        text,
        'Create them with equally many, or call .repartition({ name, partitions }) on the stream before the join.',
      )
    }
  }
}

function countOf(counts: ReadonlyMap<string, number>, topic: string): number {
  const count = counts.get(topic)
  if (count !== undefined) return count
  throw configError(
    'topology repartition',
    'feeds only itself, so its number of partitions follows from nothing',
    topic,
    'Give partitions in .repartition({ name, partitions }).',
  )
}
