import { MiB } from '@millrace/kernel'
import type { RepartitionSpec, StoreSpec, TopicReference } from './nodes.ts'

/**
 * Kafka rolls a segment when the records' own times have moved on by `segment.ms`, a week. A replay runs through years in seconds, and would
 * leave a file for each week: internal topics roll by size.
 */
const tenYearsMs = String(10 * 365 * 24 * 3_600_000)

/** A topic that the application makes for itself. */
export interface InternalTopic {
  readonly name: string
  readonly kind: 'repartition' | 'changelog'
  readonly config: Readonly<Record<string, string>>
  /** Asked for by the user; undefined: follows from what flows into it (`resolvePartitions`). */
  readonly partitions: number | undefined
}

export function physicalName(applicationId: string, topic: TopicReference): string {
  return topic.internal ? `${applicationId}-${topic.name}-repartition` : topic.name
}

export function changelogName(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`
}

/** Kafka's settings of a repartition topic: kept until the application, having read it, deletes it (DeleteRecords). */
export function repartitionTopic(applicationId: string, spec: RepartitionSpec): InternalTopic {
  return Object.freeze({
    name: physicalName(applicationId, { name: spec.name, internal: true }),
    kind: 'repartition' as const,
    config: Object.freeze({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'segment.bytes': String(50 * MiB),
      'segment.ms': tenYearsMs,
      'message.timestamp.type': 'CreateTime',
    }),
    partitions: spec.partitions,
  })
}

/**
 * A store's changelog. A window store's is compacted only, where Kafka also deletes by the wall clock: what is past its
 * retention in stream time gets a tombstone from the store. So a replay of old data keeps its state.
 */
export function changelogTopic(applicationId: string, store: StoreSpec): InternalTopic {
  return Object.freeze({
    name: changelogName(applicationId, store.name),
    kind: 'changelog' as const,
    config: Object.freeze({
      'cleanup.policy': 'compact',
      'retention.ms': '-1',
      'segment.ms': tenYearsMs,
      'message.timestamp.type': 'CreateTime',
    }),
    partitions: undefined,
  })
}
