import type { KeyText } from '@millrace/store'
import type { Collector } from '../collector.ts'
import type { CurrentRecord } from '../current-record.ts'
import type { DroppedRecords } from '../dropped-records.ts'
import type { RecordErrors } from '../record-errors.ts'

/** What the steps of one task share. */
export interface TaskContext {
  readonly id: string
  readonly partition: number
  readonly record: CurrentRecord
  readonly errors: RecordErrors
  readonly dropped: DroppedRecords
  readonly collector: Collector
}

/**
 * One step of a task. It is called with the task's one record, may change it for those behind it, and puts back what it
 * changed. Only what a user gave may throw on a record, and is guarded where it is called; nothing thrown reaches a
 * parent.
 */
export abstract class Processor {
  readonly name: string
  protected readonly context: TaskContext
  #only: Processor | undefined
  #more: Processor[] | undefined

  constructor(name: string, context: TaskContext) {
    this.name = name
    this.context = context
  }

  get hasChildren(): boolean {
    return this.#only !== undefined
  }

  addChild(child: Processor): void {
    if (this.#only === undefined) {
      this.#only = child
      return
    }
    this.#more ??= [this.#only]
    this.#more.push(child)
  }

  /** Called once, before the first record, children first. */
  start(): void {}

  /** Called once, when the task ends. */
  stop(): void {}

  abstract process(record: CurrentRecord): void

  /** One branch that cannot read the record does not keep it from the others. */
  protected forward(record: CurrentRecord): void {
    if (this.#more === undefined) {
      this.#only?.process(record)
      return
    }
    for (const child of this.#more) {
      try {
        child.process(record)
      } catch (cause) {
        this.context.errors.caught(cause, child.name)
      }
    }
  }

  /** Runs those behind with another value. */
  protected forwardValue(record: CurrentRecord, value: unknown): void {
    const before = record.value()
    record.setValue(value)
    try {
      this.forward(record)
    } finally {
      record.setValue(before)
    }
  }
}

/** A step that owns a table: its store tells it of changes when the cache is flushed. */
export interface TableOwner extends Processor {
  changed(key: KeyText, windowStartMs: number, value: unknown, raw: Buffer | null, timestampMs: number): void
}
