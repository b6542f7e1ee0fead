import type { Buffer } from 'node:buffer'
import { type ByteWritable, configError, MillraceError, nearest } from '@millrace/kernel'
import { parse } from 'csv-parse/sync'
import type { FieldType, FileSourceConfig } from './file-source-config.ts'
import { keyText } from './record-key.ts'
import { type RowColumn, RowJson } from './row-json.ts'
import { badField, errorOf, type RowTarget, timestampOf } from './row-target.ts'
import { placeOf, type TextFormat } from './text-format.ts'

interface CsvColumn extends RowColumn {
  readonly at: number
  readonly type: FieldType
  readonly values: unknown[]
}

/** RFC 4180. Rows without quotes are split here; quoted ones by csv-parse. A quoted field may span lines. */
export class CsvFormat implements TextFormat {
  readonly #target: RowTarget
  readonly #config: FileSourceConfig
  readonly #path: string
  #names: readonly string[] | undefined
  #columns: readonly CsvColumn[] = []
  #valueOut: ByteWritable<number> | undefined
  #unfinished = ''
  #unfinishedLine = 0

  /** `names`: the columns, where they are known already. */
  constructor(target: RowTarget, config: FileSourceConfig, path: string, names: readonly string[] | undefined) {
    this.#target = target
    this.#config = config
    this.#path = path
    if (names !== undefined) this.#begin(names)
  }

  line(bytes: Buffer, from: number, to: number, line: number): boolean {
    const text = bytes.utf8Slice(from, to)
    const whole = this.#unfinished === '' ? text : `${this.#unfinished}\n${text}`
    if (whole.includes('"') && quotesIn(whole) % 2 === 1) {
      if (this.#unfinished === '') this.#unfinishedLine = line
      this.#unfinished = whole
      return false
    }
    const first = this.#unfinished === '' ? line : this.#unfinishedLine
    this.#unfinished = ''
    if (whole !== '') this.#record(whole, first)
    return true
  }

  end(): void {
    if (this.#unfinished === '') return
    const raw = this.#unfinished
    const place = placeOf(this.#path, this.#unfinishedLine)
    this.#unfinished = ''
    const error = new MillraceError('BAD_RECORD', 'a quoted field has no end', {
      place,
      fix: 'Close the quote, or double it.',
    })
    this.#target.out.reject({ topic: this.#target.topic.topic, place, error, raw })
  }

  abandon(): void {
    this.#unfinished = ''
  }

  #begin(names: readonly string[]): void {
    this.#names = names
    const { fields } = this.#config
    const chosen = fields ?? names.map((name) => ({ name, from: name, type: 'string' as const }))
    this.#columns = chosen.map(({ name, from, type }) => {
      return { name, kind: 'plain', at: this.#columnAt('fields', from ?? name), type: type ?? 'string', values: [''] }
    })
    this.#valueOut = this.#target.jsonValueOut(new RowJson(this.#columns))
    const { key, timestampField } = this.#target
    for (const field of key?.fields ?? []) this.#columnAt('key.field', field)
    if (timestampField !== undefined) this.#columnAt('timestamp.field', timestampField)
  }

  #record(text: string, line: number): void {
    const { out, topic, key, keyOut, timestampField } = this.#target
    const place = placeOf(this.#path, line)
    let cells: readonly string[]
    try {
      cells = text.includes('"') ? this.#quoted(text, place) : text.split(this.#config['csv.delimiter'])
    } catch (error) {
      out.reject({ topic: topic.topic, place, error: errorOf(error), raw: text })
      return
    }
    if (this.#names === undefined) {
      this.#begin(cells)
      return
    }
    try {
      this.#take(cells, place)
      const names = this.#names
      const cell = (field: string) => cells[names.indexOf(field)]
      const timestamp =
        timestampField === undefined
          ? this.#target.timestamp()
          : timestampOf(this.#target, timestampField, cell(timestampField), place)
      const keyValue = key === undefined ? null : keyText(key, (i) => cell(key.fields[i]!) || null)
      if (key !== undefined && keyValue === null)
        throw badField(place, key.fields.join(', '), 'of the key is empty', '')
      out.append(topic, -1, timestamp, keyValue, keyOut, 0, this.#valueOut!, null)
    } catch (error) {
      out.reject({ topic: topic.topic, place, error: errorOf(error), raw: text })
    }
  }

  #take(cells: readonly string[], place: string): void {
    const names = this.#names!
    if (cells.length !== names.length) {
      throw new MillraceError('BAD_RECORD', `has ${cells.length} fields where the header has ${names.length}`, {
        place,
        fix: 'Quote fields that hold the delimiter.',
      })
    }
    for (const column of this.#columns) column.values[0] = cast(cells[column.at]!, column, place)
  }

  #quoted(text: string, place: string): string[] {
    try {
      const rows: string[][] = parse(text, { delimiter: this.#config['csv.delimiter'], relax_column_count: true })
      return rows[0] ?? []
    } catch (cause) {
      throw new MillraceError('BAD_RECORD', 'is not CSV', { place, cause })
    }
  }

  #columnAt(option: string, name: string): number {
    const names = this.#names!
    const at = names.indexOf(name)
    if (at >= 0) return at
    const near = nearest(name, names)
    const fix = `${near === undefined ? '' : `Did you mean ${near}? `}The file has ${names.join(', ')}.`
    throw configError(option, 'names no column of the file', name, fix)
  }
}

function quotesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++
  return count
}

const wholeNumber = /^[-+]?\d+$/
const someNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/

/** Text as the column's type; an empty cell is null unless text is wanted. */
function cast(text: string, column: CsvColumn, place: string): unknown {
  if (column.type === 'string') return text
  if (text === '') return null
  switch (column.type) {
    case 'integer':
      if (wholeNumber.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)
      throw badField(place, column.name, 'is not a whole number', text)
    case 'number':
      if (someNumber.test(text)) return Number(text)
      throw badField(place, column.name, 'is not a number', text)
    default:
      if (text === 'true' || text === '1') return true
      if (text === 'false' || text === '0') return false
      throw badField(place, column.name, 'is neither true nor false', text)
  }
}
