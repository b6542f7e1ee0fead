import type { AnyCombine, AnyFunction, AnyJoiner, AnyOperator, AnyPartitioner, AnySerde } from './erased.ts'

/**
 * A topic as a node names it. An internal one gets the application's id in front: `<applicationId>-<name>-repartition`.
 */
export interface TopicReference {
  readonly name: string
  readonly internal: boolean
}

interface NodeFields {
  /** Unique in the topology; what errors and metrics name. */
  readonly name: string
  /** Nodes whose records come here, by name. Empty for sources. */
  readonly parents: readonly string[]
}

/** Records of a topic. */
export interface SourceNode extends NodeFields {
  readonly kind: 'source'
  readonly topic: TopicReference
  readonly keySerde: AnySerde
  readonly valueSerde: AnySerde
}

/** Records to a topic. An internal one is the upstream end of a repartition. */
export interface SinkNode extends NodeFields {
  readonly kind: 'sink'
  readonly topic: TopicReference
  readonly keySerde: AnySerde
  readonly valueSerde: AnySerde
  /** Default: by the key's bytes; a windowed key's inner bytes. */
  readonly partitioner: AnyPartitioner | undefined
}

/** RxJS operators on values. */
export interface PipeNode extends NodeFields {
  readonly kind: 'pipe'
  readonly operators: readonly AnyOperator[]
}

/** A step that runs one function of the user on each record. */
export interface FunctionNode extends NodeFields {
  readonly kind:
    | 'filter'
    | 'filterNot'
    | 'mapValues'
    | 'flatMapValues'
    | 'map'
    | 'flatMap'
    | 'selectKey'
    | 'peek'
    | 'forEach'
  readonly run: AnyFunction
  /** Of what comes out, where the step changes it and the serde is known. */
  readonly keySerde: AnySerde | undefined
}

/** Records of several streams as one. */
export interface MergeNode extends NodeFields {
  readonly kind: 'merge'
}

/** A stream read as a table: each record replaces its key's value, null deletes. */
export interface TableNode extends NodeFields {
  readonly kind: 'table'
  readonly store: string
}

/** An aggregate by key, or by key and window. */
export interface AggregateNode extends NodeFields {
  readonly kind: 'aggregate'
  readonly store: string
  readonly combines: 'count' | 'reduce' | 'aggregate'
  readonly initial: (() => unknown) | undefined
  readonly combine: AnyCombine | undefined
  readonly keySerde: AnySerde
  readonly windows: WindowSpec | undefined
}

/** Tumbling windows, aligned to the epoch: `[start, start + size)`. */
export interface WindowSpec {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  readonly graceMs: number
}

/** A table's updates as a stream. */
export interface ToStreamNode extends NodeFields {
  readonly kind: 'toStream'
}

/** Each record of a stream with the value its key has in a table now. */
export interface JoinNode extends NodeFields {
  readonly kind: 'join' | 'leftJoin'
  readonly store: string
  readonly joiner: AnyJoiner
  readonly keySerde: AnySerde | undefined
}

export type TopologyNode =
  | SourceNode
  | SinkNode
  | PipeNode
  | FunctionNode
  | MergeNode
  | TableNode
  | AggregateNode
  | ToStreamNode
  | JoinNode

/** A state store. Its changelog is `<applicationId>-<name>-changelog`. */
export interface StoreSpec {
  readonly name: string
  readonly kind: 'table' | 'window'
  /** Of the key inside a window, for window stores. */
  readonly keySerde: AnySerde
  readonly valueSerde: AnySerde
  /** 0 for tables. */
  readonly windowSizeMs: number
  /** How long a window is kept behind stream time; 0 for tables, which keep everything. */
  readonly retentionMs: number
}

/** How many partitions a repartition topic is asked to have; left out: as many as what flows into it. */
export interface RepartitionSpec {
  readonly name: string
  readonly partitions: number | undefined
}
