import { Buffer } from 'node:buffer'
import type { Producer, TopicHandle } from '@millrace/client'
import { codeOf, messageOf } from '@millrace/kernel'
import { bytesOut, encodeHeaders } from '@millrace/record/internal'
import { redacted } from '../config/env-references.ts'
import { numberOption, type TaskRun, textOption } from './task-environment.ts'

/** Where in the task a record turned out bad: Kafka Connect's names. */
export type ErrorStage = 'TASK_POLL' | 'TASK_PUT' | 'KEY_CONVERTER' | 'VALUE_CONVERTER'

/** A bad record with what is known of it. */
export interface BadRecord {
  readonly stage: ErrorStage
  readonly error: Error
  /** The record's own place, or the topic a source would have written to. */
  readonly topic: string
  readonly partition: number | undefined
  readonly offset: number | undefined
  /** Of a source: `airports.csv:17`. */
  readonly place: string | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestampMs: number
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
}

/**
 * What `errors.tolerance` says about bad records: fail the task, or count, dead-letter and go on. Dead letters go
 * through a producer of
 * their own; positions are committed only after `flush`.
 */
export class ErrorPolicy {
  readonly #run: TaskRun
  readonly #tolerant: boolean
  readonly #topic: string | undefined
  readonly #withContext: boolean
  #producer: Producer | undefined
  #isOwn = false
  #handle: TopicHandle | undefined
  #unflushed = false

  constructor(run: TaskRun) {
    const { spec } = run
    this.#run = run
    this.#tolerant = spec.config['errors.tolerance'] === 'all'
    this.#topic = textOption(spec, 'errors.deadletterqueue.topic.name')
    this.#withContext = spec.config['errors.deadletterqueue.context.headers.enable'] !== false
  }

  /** Makes sure that there is a topic for dead letters. @param transactional in whose transactions they are written */
  async open(transactional?: Producer): Promise<void> {
    if (!this.#tolerant || this.#topic === undefined) return
    const { client } = this.#run.environment
    const replicationFactor = numberOption(this.#run.spec, 'errors.deadletterqueue.topic.replication.factor')
    const admin = client.admin()
    try {
      await admin.createTopics([{ name: this.#topic, partitions: 1, replicationFactor }])
    } finally {
      await admin.close()
    }
    this.#isOwn = transactional === undefined
    this.#producer = transactional ?? client.producer()
    this.#handle = await this.#producer.open(this.#topic, { signal: this.#run.control.signal })
  }

  /** Returns whether a dead letter was written. @throws the record's error when nothing is tolerated. */
  handle(bad: BadRecord): boolean {
    const { counters, log, spec } = this.#run
    if (!this.#tolerant) throw bad.error
    counters.add('skipped', 1)
    if (spec.config['errors.log.enable'] === true) {
      const message = redacted(messageOf(bad.error), spec.secrets)
      const shown = spec.config['errors.log.include.messages'] === true && bad.value !== null
      log.error('a bad record was passed over', {
        stage: bad.stage,
        place: bad.place ?? `${bad.topic}-${bad.partition}@${bad.offset}`,
        message,
        ...(shown && { value: Buffer.from(bad.value).toString('utf8', 0, 1000) }),
      })
    }
    if (this.#producer === undefined || this.#handle === undefined) return false
    const headers = encodeHeaders([...bad.headers, ...(this.#withContext ? this.#context(bad) : [])])
    const partition = this.#handle.partitions === 1 ? 0 : -1
    this.#producer.append(this.#handle, partition, bad.timestampMs, bad.key, bytesOut, bad.value, bytesOut, headers)
    this.#unflushed = true
    counters.add('deadLettered', 1)
    return true
  }

  get full(): boolean {
    return this.#producer?.full === true
  }

  async drained(): Promise<void> {
    await this.#producer?.drained()
  }

  /** Resolves when every dead letter so far is acknowledged. */
  async flush(): Promise<void> {
    if (!this.#unflushed || !this.#isOwn) return // else the transaction's end is theirs
    this.#unflushed = false
    await this.#producer?.flush()
  }

  async close(): Promise<void> {
    if (this.#isOwn) await this.#producer?.close()
  }

  #context(bad: BadRecord): { readonly key: string; readonly value: string }[] {
    const { spec } = this.#run
    const message = redacted(messageOf(bad.error), spec.secrets)
    const entries: readonly (readonly [string, string | undefined])[] = [
      ['topic', bad.topic],
      ['partition', bad.partition?.toString()],
      ['offset', bad.offset?.toString()],
      ['place', bad.place],
      ['connector.name', spec.connector],
      ['task.id', String(spec.task)],
      ['stage', bad.stage],
      ['class.name', spec.kind],
      ['exception.class.name', codeOf(bad.error) ?? bad.error.name],
      ['exception.message', message],
      ['exception.stacktrace', redacted(bad.error.stack ?? message, spec.secrets)],
    ]
    return entries.flatMap(([name, value]) => (value === undefined ? [] : [{ key: `__connect.errors.${name}`, value }]))
  }
}
