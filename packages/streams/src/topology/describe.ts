import type { StoreSpec, TopicReference, TopologyNode } from './nodes.ts'

/** A node without its functions: what is printed, compared and hashed. */
export interface NodeDescription {
  readonly name: string
  readonly kind: string
  readonly parents: readonly string[]
  readonly topic?: string
  readonly store?: string
  readonly key?: string
  readonly value?: string
  readonly operators?: number
  readonly combines?: string
  readonly windowSizeMs?: number
  readonly windowGraceMs?: number
}

export interface StoreDescription {
  readonly name: string
  readonly kind: string
  readonly key: string
  readonly value: string
  readonly windowSizeMs?: number
  readonly retentionMs?: number
}

export function describeNode(node: TopologyNode): NodeDescription {
  const base = { name: node.name, kind: node.kind, parents: node.parents }
  switch (node.kind) {
    case 'source':
    case 'sink':
      return { ...base, topic: topicText(node.topic), key: node.keySerde.name, value: node.valueSerde.name }
    case 'pipe':
      return { ...base, operators: node.operators.length }
    case 'table':
    case 'join':
    case 'leftJoin':
      return { ...base, store: node.store }
    case 'aggregate':
      return {
        ...base,
        store: node.store,
        combines: node.combines,
        key: node.keySerde.name,
        ...(node.windows === undefined
          ? {}
          : { windowSizeMs: node.windows.sizeMs, windowGraceMs: node.windows.graceMs }),
      }
    default:
      return base
  }
}

export function describeStore(store: StoreSpec): StoreDescription {
  return {
    name: store.name,
    kind: store.kind,
    key: store.keySerde.name,
    value: store.valueSerde.name,
    ...(store.kind === 'table' ? {} : { windowSizeMs: store.windowSizeMs, retentionMs: store.retentionMs }),
  }
}

/** `posts`, or `(tags-repartition)` for one that the application makes for itself. */
export function topicText(topic: TopicReference): string {
  return topic.internal ? `(${topic.name}-repartition)` : topic.name
}
