import { Buffer } from 'node:buffer'
import type { Producer, TopicHandle } from '@millrace/client'
import type {
  BadInput,
  ConnectRecord,
  Converter,
  SourceOffset,
  SourcePartition,
  SourceTopic,
  SourceWriter,
} from '@millrace/connect-api'
import { type ByteWritable, type ByteWriter, codeOf, MillraceError } from '@millrace/kernel'
import { encodeHeaders } from '@millrace/record/internal'
import type { SourceOffsets } from '../store/source-offsets.ts'
import type { ErrorPolicy } from './error-policy.ts'
import { openTarget } from './target-topic.ts'
import type { TaskRun } from './task-environment.ts'

/** Counts the bytes of what passes through it. One object for all records. */
class CountedValue implements ByteWritable<unknown> {
  inner: ByteWritable<unknown> | undefined
  bytes = 0

  write(value: unknown, into: ByteWriter): void {
    const from = into.position
    this.inner!.write(value, into)
    this.bytes += into.position - from
  }
}

/** The producer's side of a source task: topics, records, positions, bad input. */
export class ProducerWriter implements SourceWriter {
  readonly #run: TaskRun
  readonly #producer: Producer
  readonly #errors: ErrorPolicy
  readonly #offsets: SourceOffsets
  readonly #keyOut: ByteWritable<unknown>
  readonly #valueOut: ByteWritable<unknown>
  readonly #topics = new Map<string, TopicHandle>()
  readonly #counted = new CountedValue()
  #positions = new Map<string, SourceOffset>()
  #records = 0
  /** Appended since a position was told last. */
  #untold = 0
  /** Dead letters since a position was told last. */
  #untoldDead = 0
  /** Records and dead letters since positions were taken last. */
  #uncommitted = 0

  constructor(
    run: TaskRun,
    producer: Producer,
    errors: ErrorPolicy,
    offsets: SourceOffsets,
    converters: { readonly key: Converter; readonly value: Converter },
  ) {
    this.#run = run
    this.#producer = producer
    this.#errors = errors
    this.#offsets = offsets
    this.#keyOut = schemalessOut(converters.key)
    this.#valueOut = schemalessOut(converters.value)
    this.#converters = converters
  }

  readonly #converters: { readonly key: Converter; readonly value: Converter }

  async open(topic: string): Promise<SourceTopic> {
    let handle = this.#topics.get(topic)
    if (handle === undefined) {
      handle = await openTarget(this.#run, this.#producer, topic)
      this.#topics.set(topic, handle)
    }
    return handle
  }

  append<K, V>(
    to: SourceTopic,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: Buffer | null,
  ): void {
    const counted = this.#counted
    counted.inner = valueOut
    this.#producer.append(to, partition, timestampMs, key, keyOut, value, counted, headers)
    this.#records++
    this.#untold++
    this.#uncommitted++
  }

  async send(record: ConnectRecord): Promise<void> {
    if (this.full) await this.drained()
    const topic = this.#topics.get(record.topic) ?? (await this.open(record.topic))
    const timestamp = record.timestamp ?? this.#run.environment.ports.clock.nowMs()
    const keyOut = record.keySchema === null ? this.#keyOut : schemaOut(this.#converters.key, record.keySchema)
    const valueOut =
      record.valueSchema === null ? this.#valueOut : schemaOut(this.#converters.value, record.valueSchema)
    const headers = record.headers.length === 0 ? null : encodeHeaders(record.headers.map(headerOf))
    try {
      this.append(topic, record.partition ?? -1, timestamp, record.key, keyOut, record.value, valueOut, headers)
    } catch (error) {
      if (codeOf(error) !== 'BAD_RECORD' || !(error instanceof Error)) throw error
      this.reject({ topic: record.topic, place: record.topic, error, raw: JSON.stringify(record.value) ?? null })
    }
  }

  get full(): boolean {
    return this.#producer.full || this.#errors.full
  }

  async drained(): Promise<void> {
    await this.#producer.drained()
    await this.#errors.drained()
  }

  position(partition: SourcePartition, offset: SourceOffset): void {
    const key = this.#offsets.keyOf(partition)
    // A source that found nothing tells again where it stands: that is nothing to commit.
    if (this.#uncommitted > 0 || this.#positions.has(key) || !isSame(offset, this.#offsets.get(partition))) {
      this.#positions.set(key, offset)
    }
    this.#untold = 0
    this.#untoldDead = 0
  }

  /** Of everything that was appended a position has been told. */
  get told(): boolean {
    return this.#untold === 0
  }

  /** Nothing is written behind the last position, no dead letter either: to begin there anew writes nothing twice. */
  get isAtPosition(): boolean {
    return this.#untold === 0 && this.#untoldDead === 0
  }

  reject(bad: BadInput): void {
    const code = codeOf(bad.error)
    // These are the producer's, not the record's.
    if (code === 'STATE' || code === 'CLOSED' || code === 'ABORTED') throw bad.error
    const { topic, place, error, raw } = bad
    const value = typeof raw === 'string' ? Buffer.from(raw) : raw
    const isWritten = this.#errors.handle({
      stage: 'TASK_POLL',
      error: code === 'BAD_RECORD' || code === 'CONFIG' ? error : wrapped(error, place),
      topic,
      partition: undefined,
      offset: undefined,
      place,
      key: null,
      value,
      timestampMs: this.#run.environment.ports.clock.nowMs(),
      headers: [],
    })
    if (!isWritten) return
    this.#untoldDead++
    this.#uncommitted++
  }

  /** Tells the counters what has been appended since the last call. */
  count(): void {
    this.#run.counters.add('records', this.#records)
    this.#run.counters.add('bytes', this.#counted.bytes)
    this.#records = 0
    this.#counted.bytes = 0
  }

  /** Positions told since the last call. Everything before them has been appended. */
  takePositions(): ReadonlyMap<string, SourceOffset> {
    const taken = this.#positions
    this.#positions = new Map()
    this.#uncommitted = 0
    return taken
  }
}

function isSame(offset: SourceOffset, stored: SourceOffset | undefined): boolean {
  return stored !== undefined && JSON.stringify(offset) === JSON.stringify(stored)
}

function schemalessOut(converter: Converter): ByteWritable<unknown> {
  return { write: (value, into) => converter.write(null, value, into) }
}

function schemaOut(converter: Converter, schema: ConnectRecord['valueSchema']): ByteWritable<unknown> {
  return { write: (value, into) => converter.write(schema, value, into) }
}

function headerOf({ key, value }: { readonly key: string; readonly value: unknown }) {
  if (value === null || value === undefined) return { key, value: null }
  if (typeof value === 'string' || value instanceof Uint8Array) return { key, value }
  return { key, value: JSON.stringify(value) ?? null }
}

function wrapped(error: Error, place: string): MillraceError {
  return new MillraceError('BAD_RECORD', error.message, { place, cause: error })
}
