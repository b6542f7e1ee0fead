import { configError } from '@millrace/kernel'
import { changelogTopic, type InternalTopic, physicalName, repartitionTopic } from './internal-topics.ts'
import type { SourceNode, StoreSpec, TopologyNode } from './nodes.ts'
import { connectedComponents } from './subtopologies.ts'
import { checkTopicName } from './topic-name.ts'
import type { Topology } from './topology.ts'

/** What one task runs: a connected part of the topology. A task is a sub-topology and a partition. */
export interface Subtopology {
  readonly id: number
  /** In build order: a node comes after its parents. */
  readonly nodes: readonly TopologyNode[]
  /** By their real names, sorted. A task reads its partition of each. */
  readonly sourceTopics: readonly string[]
  readonly sinkTopics: readonly string[]
  /** Source topics that must have equally many partitions, because records meet by key. */
  readonly copartitioned: readonly (readonly string[])[]
  readonly stores: readonly StorePlan[]
}

export interface StorePlan {
  readonly spec: StoreSpec
  readonly changelog: InternalTopic
}

/** A topology with an application's id: real topic names, and what the runtime must create. */
export interface Plan {
  readonly applicationId: string
  readonly topology: Topology
  readonly subtopologies: readonly Subtopology[]
  /** Written and read by the application. */
  readonly repartitionTopics: readonly InternalTopic[]
  readonly changelogTopics: readonly InternalTopic[]
  /** Of the user: must exist before the application starts. */
  readonly externalSourceTopics: readonly string[]
  /** Every topic that a task may append to, changelogs and dead letters included. */
  readonly writtenTopics: readonly string[]
}

/** @throws CONFIG when the id makes a topic name that Kafka refuses. */
export function planTopology(topology: Topology, applicationId: string = topology.name): Plan {
  checkTopicName('applicationId', applicationId)
  const repartitionTopics = topology.repartitions.map((spec) => repartitionTopic(applicationId, spec))
  const changelogs = new Map(topology.stores.map((spec) => [spec.name, changelogTopic(applicationId, spec)]))
  for (const { name } of [...repartitionTopics, ...changelogs.values()]) checkTopicName('applicationId', name)
  const specs = new Map(topology.stores.map((spec) => [spec.name, spec]))

  const subtopologies = connectedComponents(topology.nodes).map((nodes, id): Subtopology => {
    const named = new Set(nodes.flatMap((node) => ('store' in node ? [node.store] : [])))
    const sources = nodes.filter((node) => node.kind === 'source')
    const sinks = nodes.filter((node) => node.kind === 'sink')
    return Object.freeze({
      id,
      nodes,
      sourceTopics: sortedNames(sources.map((node) => physicalName(applicationId, node.topic))),
      sinkTopics: sortedNames(sinks.map((node) => physicalName(applicationId, node.topic))),
      copartitioned: copartitionGroups(nodes, applicationId),
      stores: [...named].map((name) => Object.freeze({ spec: specs.get(name)!, changelog: changelogs.get(name)! })),
    })
  })

  const internal = new Set(repartitionTopics.map(({ name }) => name))
  const { deadLetterTopic } = topology.errors
  const changelogTopics = [...changelogs.values()]
  return Object.freeze({
    applicationId,
    topology,
    subtopologies,
    repartitionTopics,
    changelogTopics,
    externalSourceTopics: sortedNames(subtopologies.flatMap((sub) => sub.sourceTopics)).filter((t) => !internal.has(t)),
    writtenTopics: sortedNames([
      ...subtopologies.flatMap((sub) => sub.sinkTopics),
      ...changelogTopics.map(({ name }) => name),
      ...(deadLetterTopic === undefined ? [] : [deadLetterTopic]),
    ]),
  })
}

/** @throws CONFIG for a number that is none of this plan's. */
export function subtopologyOf(plan: Plan, id: number): Subtopology {
  const found = plan.subtopologies[id]
  if (found === undefined) throw configError('subtopology', `must be below ${plan.subtopologies.length}`, id)
  return found
}

/** The sources above each join, per join: their records meet by key. */
function copartitionGroups(nodes: readonly TopologyNode[], applicationId: string): string[][] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const groups: string[][] = []
  for (const node of nodes) {
    if (node.kind !== 'join' && node.kind !== 'leftJoin') continue
    const owner = nodes.find(
      (other) => (other.kind === 'table' || other.kind === 'aggregate') && other.store === node.store,
    )
    const sources = [...sourcesAbove(node, byName), ...(owner === undefined ? [] : sourcesAbove(owner, byName))]
    const topics = sortedNames(sources.map((source) => physicalName(applicationId, source.topic)))
    if (topics.length > 1) groups.push(topics)
  }
  return groups
}

function sourcesAbove(node: TopologyNode, byName: ReadonlyMap<string, TopologyNode>): SourceNode[] {
  if (node.kind === 'source') return [node]
  return node.parents.flatMap((parent) => sourcesAbove(byName.get(parent)!, byName))
}

function sortedNames(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}
