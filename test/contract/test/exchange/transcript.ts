import { Buffer } from 'node:buffer'
import { errorTable } from '@millrace/kernel'
import { type ApiName, fieldsOf, zeroUuid } from '@millrace/protocol/internal'
import { describeRecords } from './batches.ts'

type Fields = ReturnType<typeof fieldsOf>
type Shape = Fields[string]['shape']

/** The answers of one case by step, in the order they were asked. */
export type Transcript = Record<string, unknown>

const errorNames: ReadonlyMap<number, string> = new Map(
  Object.entries(errorTable).map(([name, { wire }]) => [wire, name]),
)

/** Wording, and how long a server asks to be left alone, are each server's own. */
const unsaid = new Set(['errorMessage', 'batchIndexErrorMessage', 'throttleTimeMs', 'documentation'])
/** Items of a list whose order means nothing are put in order by these. */
const identities = [
  'name',
  'topic',
  'partitionIndex',
  'partition',
  'memberId',
  'groupId',
  'apiKey',
  'resourceName',
  'nodeId',
  'brokerId',
]
/** `<client id>-<uuid>` at Apache Kafka, `<client id>-<the same 16 bytes as base64>` at ours. */
const memberPattern = /^(.*?)-(?:[\w-]{22}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const hourMs = 3_600_000

/**
 * Turns answers into what two servers can be compared by: ids become `<topic id 1>` in the order they appear, times the
 * case chose become `T+5`, others `<time>`, error codes their names; fields at their default are left out.
 */
export class Normaliser {
  readonly #names = new Map<string, string>()
  readonly #times = new Map<number, string>()
  readonly #tokens = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  readonly #nowMs: number

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  /** A unique name of this run and the one that stands in the transcript. */
  name(unique: string, shown: string): void {
    this.#names.set(unique, shown)
  }

  time(value: number, shown: string): void {
    this.#times.set(value, shown)
  }

  answer(api: ApiName, value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    return this.#struct(fieldsOf(api, 'response'), value)
  }

  /** A value that is no message: what a client returned. */
  plain(value: unknown, called = ''): unknown {
    if (Array.isArray(value)) return value.map((item) => this.plain(item))
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [this.#text(name), this.plain(inner, name)]),
      )
    }
    return typeof value === 'string'
      ? this.#text(value)
      : typeof value === 'number'
        ? this.#number(called, value)
        : value
  }

  #struct(fields: Fields, value: object): Record<string, unknown> {
    const given = new Map<string, unknown>(Object.entries(value))
    const shown: Record<string, unknown> = {}
    for (const [name, { shape, default: fallback }] of Object.entries(fields)) {
      const inner = given.get(name)
      if (unsaid.has(name) || (inner === fallback && !/errorCode$|^producerId$/i.test(name))) continue
      if (Array.isArray(inner) && inner.length === 0 && Array.isArray(fallback)) continue
      if (Buffer.isBuffer(inner) && inner.length === 0 && Buffer.isBuffer(fallback)) continue
      shown[name] = this.#value(name, shape, inner)
    }
    return shown
  }

  #value(name: string, shape: Shape, value: unknown): unknown {
    if (value === null) return null
    if (shape.kind === 'struct' && typeof value === 'object') return this.#struct(shape.fields, value)
    if (shape.kind === 'list' && Array.isArray(value)) {
      return inOrder(value).map((item) => this.#value(name, shape.item, item))
    }
    if (Buffer.isBuffer(value)) {
      return shape.kind === 'records' ? this.plain(describeRecords(value)) : this.#text(readable(value))
    }
    if (shape.kind === 'uuid' && value !== zeroUuid) return this.#token('topic id', `${value}`)
    if (typeof value === 'string') {
      if (name === 'clusterId') return '<cluster>'
      return name === 'host' ? '<host>' : this.#text(value)
    }
    return typeof value === 'number' ? this.#number(name, value) : value
  }

  #number(name: string, value: number): unknown {
    if (/errorCode$/i.test(name)) return errorNames.get(value) ?? value
    if (name === 'port') return '<port>'
    if (name === 'producerId' && value >= 0) return this.#token('producer', `${value}`)
    if (name === 'sessionId' && value !== 0) return this.#token('session', `${value}`)
    const time = this.#times.get(value)
    if (time !== undefined) return time
    return Math.abs(value - this.#nowMs) < hourMs ? '<time>' : value
  }

  #text(value: string): string {
    let text = value
    for (const [unique, shown] of this.#names) text = text.replaceAll(unique, shown)
    const member = memberPattern.exec(text)
    return member === null ? text : this.#token(`member ${member[1]}`, text)
  }

  #token(kind: string, value: string): string {
    const key = `${kind} ${value}`
    const known = this.#tokens.get(key)
    if (known !== undefined) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const token = `<${kind} ${count}>`
    this.#tokens.set(key, token)
    return token
  }
}

function inOrder(items: readonly unknown[]): readonly unknown[] {
  const by = identities.find((name) => items.length > 0 && items.every((item) => fieldOf(item, name) !== undefined))
  if (by === undefined) return items
  return items.toSorted((a, b) => compare(fieldOf(a, by), fieldOf(b, by)))
}

function fieldOf(item: unknown, name: string): unknown {
  return typeof item === 'object' && item !== null
    ? new Map<string, unknown>(Object.entries(item)).get(name)
    : undefined
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return `${a}` < `${b}` ? -1 : `${a}` > `${b}` ? 1 : 0
}

function readable(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return /^[\x20-\x7e]*$/.test(text) ? text : `0x${bytes.toString('hex')}`
}
