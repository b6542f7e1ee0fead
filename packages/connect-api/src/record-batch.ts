import { offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { ConnectRecord } from './connect-record.ts'
import type { SinkBatch, SinkPosition } from './sink.ts'

/** The topic id in `sinkBatchOf`. */
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'

/** A `SinkBatch` of ready records, for tests of a sink: offsets count up from 0 in each partition, or are given. */
export function sinkBatchOf(records: readonly (Partial<ConnectRecord> & { readonly offset?: number })[]): SinkBatch {
  const ends = new TopicPartitionMap<SinkPosition>()
  const offsets: number[] = []
  const places: TopicPartition[] = []
  for (const record of records) {
    const place = { topic: record.topic ?? 'topic', partition: record.partition ?? 0 }
    const at = record.offset ?? ends.get(place.topic, place.partition)?.offset ?? 0
    ends.set(place.topic, place.partition, { ...place, topicId, offset: offset(at + 1) })
    offsets.push(at)
    places.push(place)
  }
  return {
    size: records.length,
    keys: records.map((record) => record.key ?? null),
    values: records.map((record) => record.value ?? null),
    timestamps: records.map((record) => record.timestamp ?? 0),
    offsets,
    ends: [...ends.values()],
    placeOf: (i) => places[i]!,
    keySchemaOf: (i) => records[i]?.keySchema ?? null,
    valueSchemaOf: (i) => records[i]?.valueSchema ?? null,
    record: (i) => ({
      ...places[i]!,
      key: records[i]?.key ?? null,
      keySchema: records[i]?.keySchema ?? null,
      value: records[i]?.value ?? null,
      valueSchema: records[i]?.valueSchema ?? null,
      timestamp: records[i]?.timestamp ?? 0,
      headers: records[i]?.headers ?? [],
    }),
  }
}
