import type { Buffer } from 'node:buffer'
import type { Converter } from '@millrace/connect-api'
import { type ByteWritable, type ByteWriter, MillraceError } from '@millrace/kernel'
import { keyText } from './record-key.ts'
import { badField, errorOf, type RowTarget, timestampOf } from './row-target.ts'
import { placeOf, type TextFormat } from './text-format.ts'

/** A slice of borrowed bytes, set before each append: one object for all lines. */
export class BorrowedSlice implements ByteWritable<true> {
  bytes: Buffer
  from = 0
  to = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  set(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.from = from
    this.to = to
  }

  write(_value: true, into: ByteWriter): void {
    into.raw(this.bytes, this.from, this.to)
  }
}

/** Each line is a value. Text and bytes converters take it as it stands; others get it as text. */
export class LinesFormat implements TextFormat {
  readonly #target: RowTarget
  readonly #converter: Converter
  readonly #path: string
  readonly #slice: BorrowedSlice
  readonly #textOut: ByteWritable<string>

  constructor(target: RowTarget, converter: Converter, path: string, slice: BorrowedSlice) {
    this.#target = target
    this.#converter = converter
    this.#path = path
    this.#slice = slice
    this.#textOut = { write: (text, into) => converter.write(null, text, into) }
  }

  line(bytes: Buffer, from: number, to: number, line: number): boolean {
    const { out, topic, keyOut } = this.#target
    const { form } = this.#converter
    this.#slice.set(bytes, from, to)
    const timestamp = this.#target.timestamp()
    try {
      if (form === 'string' || form === 'bytes') out.append(topic, -1, timestamp, null, keyOut, true, this.#slice, null)
      else out.append(topic, -1, timestamp, null, keyOut, bytes.utf8Slice(from, to), this.#textOut, null)
    } catch (error) {
      const raw = bytes.subarray(from, to)
      out.reject({ topic: topic.topic, place: placeOf(this.#path, line), error: errorOf(error), raw })
    }
    return true
  }

  end(): void {}
  abandon(): void {}
}

/**
 * Each line is JSON: checked, and copied as it stands. Fields for key and timestamp are read from it. Blank lines
 * are no records.
 */
export class JsonLinesFormat implements TextFormat {
  readonly #target: RowTarget
  readonly #path: string
  readonly #slice: BorrowedSlice
  readonly #valueOut: ByteWritable<true>

  constructor(target: RowTarget, path: string, slice: BorrowedSlice) {
    this.#target = target
    this.#path = path
    this.#slice = slice
    this.#valueOut = target.jsonValueOut(slice)
  }

  line(bytes: Buffer, from: number, to: number, line: number): boolean {
    const { out, topic, key, keyOut, timestampField } = this.#target
    const text = bytes.utf8Slice(from, to)
    if (text.trim() === '') return true
    try {
      const value = parsed(text, this.#path, line)
      const timestamp = timestampField === undefined ? this.#target.timestamp() : this.#timestamp(value, line)
      this.#slice.set(bytes, from, to)
      out.append(
        topic,
        -1,
        timestamp,
        key === undefined ? null : this.#key(value, line),
        keyOut,
        true,
        this.#valueOut,
        null,
      )
    } catch (error) {
      const raw = bytes.subarray(from, to)
      out.reject({ topic: topic.topic, place: placeOf(this.#path, line), error: errorOf(error), raw })
    }
    return true
  }

  end(): void {}
  abandon(): void {}

  #timestamp(value: unknown, line: number): number {
    const field = this.#target.timestampField!
    return timestampOf(this.#target, field, fieldOf(value, field), placeOf(this.#path, line))
  }

  #key(value: unknown, line: number): string {
    const rule = this.#target.key!
    const key = keyText(rule, (i) => fieldOf(value, rule.fields[i]!))
    if (key !== null) return key
    throw badField(placeOf(this.#path, line), rule.fields.join(', '), 'of the key is missing or null', null)
  }
}

function parsed(text: string, path: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MillraceError('BAD_RECORD', 'is not JSON', { place: placeOf(path, line), value: text, cause })
  }
}

function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) ? value[field] : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
