import type { RepartitionSpec, StoreSpec, TopologyNode } from './nodes.ts'

/**
 * What to do about a record that cannot be read, processed or written. `fail` stops the task, which has committed
 * nothing past the record before. `skip` drops it, counted. `dead-letter` writes it, as it came, to the dead-letter
 * topic, with the reason in its headers (KIP-1034), counted too.
 */
export type ErrorPolicy = 'fail' | 'skip' | 'dead-letter'

export interface ErrorPolicies {
  /** A serde could not read the key or value. @default 'fail' */
  readonly deserialization: ErrorPolicy
  /** A function of the user, or an RxJS operator, threw. @default 'fail' */
  readonly processing: ErrorPolicy
  /** A serde could not write the key or value, or the record is too large. @default 'fail' */
  readonly production: ErrorPolicy
  /** Needed by 'dead-letter'. The topic must exist. */
  readonly deadLetterTopic: string | undefined
}

/**
 * What a program does, as frozen data: nodes, each after its parents, and the stores they share. It can be printed,
 * compared and run many times; building it ran nothing. Made by `defineTopology`.
 */
export interface Topology {
  /** Also the application's id, unless the runtime is given another. */
  readonly name: string
  readonly nodes: readonly TopologyNode[]
  readonly stores: readonly StoreSpec[]
  readonly repartitions: readonly RepartitionSpec[]
  readonly errors: ErrorPolicies
  /**
   * Equal where nodes, edges, stores, topics and serde names are equal. Functions are not part of it. 16 hex digits.
   */
  readonly fingerprint: string
}

/** The node of this name; every name in a topology has one. */
export function nodeNamed(topology: Topology, name: string): TopologyNode | undefined {
  return topology.nodes.find((node) => node.name === name)
}
