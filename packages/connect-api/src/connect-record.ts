import type { ConnectSchema } from '@millrace/schema'

/** A header of a record in Connect's terms. */
export interface ConnectHeader {
  readonly key: string
  readonly value: unknown
}

/**
 * A record in Kafka Connect's terms: values with their schemas, null where there is none (JSON without schema,
 * text, bytes).
 * The object form, for connectors with few records; many go through `SourceWriter.append` and `SinkBatch` without
 * one each.
 */
export interface ConnectRecord {
  readonly topic: string
  /** null: the partitioner decides, by key. */
  readonly partition: number | null
  readonly key: unknown
  readonly keySchema: ConnectSchema | null
  /** null: a tombstone. */
  readonly value: unknown
  readonly valueSchema: ConnectSchema | null
  /** Milliseconds since 1970; null: now. */
  readonly timestamp: number | null
  readonly headers: readonly ConnectHeader[]
}
