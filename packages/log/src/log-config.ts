import type { CodecName } from '@millrace/record/internal'
import { listOf, topicConfig } from './topic-configs.ts'

/**
 * A topic's configs as the log uses them. Byte and millisecond values past 2^53 (Kafka's "never") are as good as
 * infinite.
 */
export interface LogConfig {
  readonly segmentBytes: number
  /** For a compacted topic not more than `max.compaction.lag.ms`, as Kafka has it. */
  readonly segmentMs: number
  readonly segmentJitterMs: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly maxMessageBytes: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  readonly compacted: boolean
  /** Old records may be deleted. */
  readonly deletes: boolean
  /** -1: for ever. */
  readonly retentionMs: number
  /** -1: any. */
  readonly retentionBytes: number
  readonly fileDeleteDelayMs: number
  /** How long tombstones and transaction markers stay readable in a compacted topic. */
  readonly deleteRetentionMs: number
  readonly minCleanableRatio: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  /** The topic's own codec; undefined keeps the producer's. */
  readonly codec: CodecName | undefined
  readonly flushMessages: number
  readonly flushMs: number
  /** It is synced whatever the acks: `flush.messages` or `flush.ms` is set. */
  readonly flushes: boolean
}

/** Kafka's Long.MAX_VALUE, as near as a number comes. */
const never = 2 ** 63

/**
 * @param configs overrides that have passed `checkTopicConfigs`. @param defaults of the whole server, by the topic
 * config's name.
 */
export function logConfig(configs: ReadonlyMap<string, string>, defaults: ReadonlyMap<string, string>): LogConfig {
  const text = (name: string) => configs.get(name) ?? defaults.get(name) ?? topicConfig(name)?.default ?? ''
  const number = (name: string) => Number(text(name))
  const policies = listOf(text('cleanup.policy'))
  const compacted = policies.includes('compact')
  return {
    segmentBytes: number('segment.bytes'),
    segmentMs: compacted ? Math.min(number('segment.ms'), number('max.compaction.lag.ms')) : number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    maxMessageBytes: number('max.message.bytes'),
    timestampType: text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compacted,
    deletes: policies.includes('delete'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCleanableRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    codec: codecs.get(text('compression.type')),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    flushes: number('flush.messages') < never || number('flush.ms') < never,
  }
}

/** `compression.type` calls Kafka's codec 0 "uncompressed", and has "producer" beside the codecs. */
const codecs: ReadonlyMap<string, CodecName> = new Map([
  ['uncompressed', 'none'],
  ['gzip', 'gzip'],
  ['snappy', 'snappy'],
  ['lz4', 'lz4'],
  ['zstd', 'zstd'],
])
