import { configError } from '@millrace/kernel'
import { fingerprintOf } from './fingerprint.ts'
import type { RepartitionSpec, StoreSpec, TopologyNode } from './nodes.ts'
import { checkTopicName } from './topic-name.ts'
import type { ErrorPolicies, Topology } from './topology.ts'

/** Collects nodes and stores while a program builds, and refuses what cannot work. */
export class TopologyBuilder {
  readonly name: string
  /** Stores and repartition topics may be left without a name: then they get one that changes when the program does. */
  readonly autoNames: boolean
  readonly #nodes: TopologyNode[] = []
  readonly #names = new Set<string>()
  readonly #stores = new Map<string, StoreSpec>()
  readonly #repartitions = new Map<string, RepartitionSpec>()
  #built = false

  constructor(name: string, autoNames: boolean) {
    checkTopicName('topology name', name)
    this.name = name
    this.autoNames = autoNames
  }

  /** Adds a node; its parents are there already. Returns its name. */
  add(node: TopologyNode): string {
    if (this.#built) {
      throw configError(
        `topology ${this.name}`,
        'is built already; steps cannot be added to it',
        node.name,
        'Add it inside defineTopology.',
      )
    }
    this.#nodes.push(Object.freeze({ ...node, parents: Object.freeze([...node.parents]) }))
    return node.name
  }

  /** `wanted`, or `wanted-2` … when it is taken. */
  uniqueName(wanted: string): string {
    let name = wanted
    for (let n = 2; this.#names.has(name); n++) name = `${wanted}-${n}`
    this.#names.add(name)
    return name
  }

  /** The source node of this topic, if there is one. */
  sourceOf(topic: string): TopologyNode | undefined {
    return this.#nodes.find((node) => node.kind === 'source' && !node.topic.internal && node.topic.name === topic)
  }

  /** @throws CONFIG for a name that is missing, taken or no part of a topic name. */
  addStore(spec: StoreSpec): StoreSpec {
    checkTopicName('store', spec.name)
    if (this.#stores.has(spec.name)) {
      throw configError('store', 'is used by two steps of the topology', spec.name, 'Give each its own name.')
    }
    const frozen = Object.freeze(spec)
    this.#stores.set(spec.name, frozen)
    return frozen
  }

  /** The store's name as given; a made-up one only where the topology asked for such. @throws CONFIG */
  storeName(given: string | undefined, step: string): string {
    if (given !== undefined) return given
    if (this.autoNames) return this.uniqueName(`${step}-store`)
    throw configError(
      `${step}.store`,
      'is missing: a made-up name changes when steps are added, and the state under the old one is lost',
      undefined,
      "Name it, for example { store: 'clicks-per-user' }, or pass { autoNames: true } to defineTopology.",
    )
  }

  /** @throws CONFIG for a name that is taken or no part of a topic name, or a count that is none. */
  addRepartition(spec: RepartitionSpec): void {
    checkTopicName('repartition name', spec.name)
    if (spec.partitions !== undefined && !(Number.isSafeInteger(spec.partitions) && spec.partitions > 0)) {
      throw configError('repartition partitions', 'must be a whole number above zero', spec.partitions)
    }
    if (this.#repartitions.has(spec.name)) {
      throw configError(
        'repartition name',
        'is used by two steps of the topology',
        spec.name,
        'Give each its own name.',
      )
    }
    this.#repartitions.set(spec.name, Object.freeze(spec))
  }

  /** @throws CONFIG when nothing is read. */
  build(errors: ErrorPolicies): Topology {
    this.#built = true
    if (!this.#nodes.some((node) => node.kind === 'source')) {
      throw configError(
        `topology ${this.name}`,
        'reads nothing',
        undefined,
        'Begin with stream(topic) or table(topic, { store }).',
      )
    }
    const nodes = Object.freeze(this.#nodes)
    const stores = Object.freeze([...this.#stores.values()])
    const repartitions = Object.freeze([...this.#repartitions.values()])
    const fingerprint = fingerprintOf(nodes, stores, repartitions)
    return Object.freeze({ name: this.name, nodes, stores, repartitions, errors: Object.freeze(errors), fingerprint })
  }
}
