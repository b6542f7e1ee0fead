import { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'

const nullText = Buffer.from('null')
const trueText = Buffer.from('true')
const falseText = Buffer.from('false')

/** Writes a whole number in decimal. */
export function writeInteger(value: number, into: ByteWriter): void {
  const start = into.reserve(20)
  const { bytes } = into
  let rest = value
  let at = start
  if (rest < 0) {
    bytes[at++] = 0x2d
    rest = -rest
  }
  if (rest > 0x7fffffff) {
    into.position = at + bytes.latin1Write(String(rest), at)
    return
  }
  const end = at + digitsOf(rest)
  for (let i = end - 1; i >= at; i--) {
    const tens = (rest / 10) | 0
    bytes[i] = 0x30 + rest - tens * 10
    rest = tens
  }
  into.position = end
}

function digitsOf(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  if (value < 10_000) return 4
  if (value < 100_000) return 5
  if (value < 1_000_000) return 6
  if (value < 10_000_000) return 7
  if (value < 100_000_000) return 8
  return value < 1_000_000_000 ? 9 : 10
}

/** How a number stands for a time. */
export type TimeKind = 'time-iso' | 'date' | 'plain'

/**
 * Writes the values of one column as JSON. Text that comes back (codes, names) is kept encoded; a column of ever
 * new text stops being kept.
 * Equal to `JSON.stringify`, but that a bigint is written as a number, bytes as base64, and a time as ISO 8601.
 */
export class JsonColumnWriter {
  readonly #kind: TimeKind
  /** What stands before each value: the field's name and colon. Kept text has it in it: one copy writes both. */
  readonly #before: Buffer
  readonly #kept = new Map<string, Buffer>()
  #keeping = true
  #lastTime = Number.NaN
  #lastTimeText: Buffer = nullText

  constructor(kind: TimeKind, before = '') {
    this.#kind = kind
    this.#before = Buffer.from(before)
  }

  write(value: unknown, into: ByteWriter): void {
    switch (typeof value) {
      case 'string':
        this.#text(value, into)
        return
      case 'number':
        this.#number(value, into)
        return
      case 'bigint':
        if (value <= 0x7fffffffn && value >= -0x7fffffffn) this.#number(Number(value), into)
        else into.raw(this.#before).utf8(String(value))
        return
      case 'boolean':
        into.raw(this.#before).raw(value ? trueText : falseText)
        return
      default:
        this.#other(value, into)
    }
  }

  #number(value: number, into: ByteWriter): void {
    if (this.#kind !== 'plain') {
      this.#time(value, into)
      return
    }
    into.raw(this.#before)
    if (Number.isSafeInteger(value)) writeInteger(value, into)
    else if (Number.isFinite(value)) into.utf8(String(value))
    else into.raw(nullText)
  }

  #time(value: number, into: ByteWriter): void {
    if (value !== this.#lastTime) {
      const time = new Date(this.#kind === 'date' ? value * 86_400_000 : value)
      this.#lastTime = value
      const valid = !Number.isNaN(time.getTime())
      const text = valid ? time.toISOString() : ''
      const shown = valid ? Buffer.from(`"${this.#kind === 'date' ? text.slice(0, -14) : text}"`) : nullText
      this.#lastTimeText = Buffer.concat([this.#before, shown])
    }
    into.raw(this.#lastTimeText)
  }

  #text(value: string, into: ByteWriter): void {
    if (!this.#keeping) {
      into.raw(this.#before).utf8(JSON.stringify(value))
      return
    }
    let encoded = this.#kept.get(value)
    if (encoded === undefined) {
      encoded = Buffer.concat([this.#before, Buffer.from(JSON.stringify(value))])
      this.#kept.set(value, encoded)
      if (this.#kept.size > 8192) {
        this.#keeping = false
        this.#kept.clear()
      }
    }
    into.raw(encoded)
  }

  #other(value: unknown, into: ByteWriter): void {
    into.raw(this.#before)
    if (value === null || value === undefined) into.raw(nullText)
    else if (value instanceof Uint8Array) into.utf8(`"${Buffer.from(value).toString('base64')}"`)
    else into.utf8(JSON.stringify(value, plainValue) ?? 'null')
  }
}

function plainValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
