import type { Buffer } from 'node:buffer'
import { codeOf, MillraceError, messageOf } from '@millrace/kernel'
import { bytesOut, encodeHeaders } from '@millrace/record/internal'
import type { ErrorPolicies, ErrorPolicy } from '../topology/topology.ts'
import type { Collector } from './collector.ts'
import type { DroppedRecords } from './dropped-records.ts'
import { UnreadableRecord } from './unreadable-record.ts'

/** The record that a task took from its input last, as it came. */
export interface SourceRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/**
 * What happens to a record that something threw on. Never throws: a fatal error is kept in `fatal`, because throwing it
 * from inside an RxJS chain would make it the operator's. The task looks at `fatal` after each record, and stops.
 */
export class RecordErrors {
  fatal: Error | undefined
  #unreadable = false
  readonly #policies: ErrorPolicies
  readonly #collector: Collector
  readonly #dropped: DroppedRecords
  readonly #source: () => SourceRecord | undefined

  constructor(
    policies: ErrorPolicies,
    collector: Collector,
    dropped: DroppedRecords,
    source: () => SourceRecord | undefined,
  ) {
    this.#policies = policies
    this.#collector = collector
    this.#dropped = dropped
    this.#source = source
  }

  /** The next record is taken. */
  begin(): void {
    this.#unreadable = false
  }

  /** A function of the user, or an RxJS operator, threw. */
  processing(cause: unknown, place: string): void {
    this.#apply(this.#policies.processing, 'processing', cause, place, 'USER_CODE', 'a function of the topology threw')
  }

  /** The record could not be written. What is no fault of the record is fatal. */
  production(cause: unknown, place: string): void {
    const code = codeOf(cause)
    if (code !== 'BAD_RECORD' && code !== 'MESSAGE_TOO_LARGE') {
      this.fail(cause)
      return
    }
    this.#apply(this.#policies.production, 'production', cause, place, 'BAD_RECORD', 'a record could not be written')
  }

  /** Whatever came up through the steps: a key or value that cannot be read, or a bug. */
  caught(cause: unknown, place: string): void {
    if (!(cause instanceof UnreadableRecord)) {
      this.fail(cause)
      return
    }
    // Every branch that looks at the bytes fails alike: the record is counted once.
    if (this.#unreadable) return
    this.#unreadable = true
    const { deserialization } = this.#policies
    this.#apply(deserialization, 'deserialization', cause.cause, place, 'BAD_RECORD', 'a record could not be read')
  }

  /** The task stops at this. The first one counts. */
  fail(cause: unknown): void {
    this.fatal ??= cause instanceof Error ? cause : new MillraceError('USER_CODE', String(cause), { cause })
  }

  #apply(
    policy: ErrorPolicy,
    reason: 'deserialization' | 'processing' | 'production',
    cause: unknown,
    place: string,
    code: 'USER_CODE' | 'BAD_RECORD',
    what: string,
  ): void {
    const source = this.#source()
    if (policy === 'fail') {
      const at = source === undefined ? place : `${place}, ${source.topic}-${source.partition}@${source.offset}`
      const fix = `Mend it, or set errors.${reason} to 'skip' or 'dead-letter'.`
      this.fail(new MillraceError(code, `${what}: ${messageOf(cause)}`, { place: at, cause, fix }))
      return
    }
    this.#dropped.add(reason, place)
    if (policy === 'dead-letter') this.#toDeadLetters(source, cause, place)
  }

  /** As Kafka Streams writes them (KIP-1034): raw key and value, the reason in headers. */
  #toDeadLetters(source: SourceRecord | undefined, cause: unknown, place: string): void {
    const headers = encodeHeaders([
      { key: '__streams.errors.exception', value: cause instanceof Error ? cause.name : typeof cause },
      { key: '__streams.errors.message', value: `${place}: ${messageOf(cause)}` },
      { key: '__streams.errors.stacktrace', value: cause instanceof Error ? (cause.stack ?? '') : '' },
      { key: '__streams.errors.topic', value: source?.topic ?? '' },
      { key: '__streams.errors.partition', value: source === undefined ? '' : String(source.partition) },
      { key: '__streams.errors.offset', value: source === undefined ? '' : String(source.offset) },
    ])
    try {
      const handle = this.#collector.handle(this.#policies.deadLetterTopic!)
      const timestampMs = Math.max(0, source?.timestampMs ?? 0)
      this.#collector.append(
        handle,
        -1,
        timestampMs,
        source?.key ?? null,
        bytesOut,
        source?.value ?? null,
        bytesOut,
        headers,
      )
    } catch (error) {
      this.fail(error)
    }
  }
}
