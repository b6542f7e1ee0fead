import { Buffer } from 'node:buffer'
import type { PollResult, SourceContext, SourceTask, SourceWriter } from '@millrace/connect-api'
import { configError, type DiskFile, MillraceError, nearest } from '@millrace/kernel'
import {
  type AsyncBuffer,
  type FileMetaData,
  type ParquetScan,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { FileSourceConfig } from './file-source-config.ts'
import type { TimeKind } from './json-writing.ts'
import { keyRuleOf, keyText } from './record-key.ts'
import { type RowColumn, RowJson } from './row-json.ts'
import { badField, errorOf, openRowTarget, type RowTarget, timestampOf } from './row-target.ts'

/** Rows appended in one poll, and between two looks at the producer's buffer. */
const pollRows = 16_384
const runRows = 256

/** Times come as plain milliseconds, so that no `Date` is made per row. */
const parsers = {
  timestampFromMilliseconds: (time: bigint) => Number(time),
  timestampFromMicroseconds: (time: bigint) => Math.floor(Number(time) / 1000),
  timestampFromNanoseconds: (time: bigint) => Number(time / 1_000_000n),
  dateFromDays: (days: number) => days,
}

/**
 * Reads a Parquet file in order, one row group in memory, each row written as JSON straight into the producer's
 * open batch.
 * Its position is the number of rows done.
 */
export class ParquetTask implements SourceTask {
  readonly #context: SourceContext<FileSourceConfig>
  readonly #path: string
  readonly #file: DiskFile
  readonly #metadata: FileMetaData
  readonly #scan: ParquetScan
  readonly #columns: ReadonlyMap<string, RowColumn>
  readonly #end: number
  #row: number
  #groupStart = 0
  #groupEnd = 0
  #writing: RowWriting | undefined

  static async open(context: SourceContext<FileSourceConfig>): Promise<ParquetTask> {
    const { config, disk } = context
    const path = context.resolvePath(config.path)
    const file = disk.open(path, 'read')
    try {
      const buffer = bufferOf(file)
      const metadata = await parquetMetadataAsync(buffer, { parsers })
      const columns = columnsOf(parquetSchema(metadata), config)
      const scan = await parquetScan({ file: buffer, metadata, compressors, parsers, columns: [...columns.keys()] })
      return new ParquetTask(context, path, file, metadata, scan, columns)
    } catch (cause) {
      file.close()
      if (cause instanceof MillraceError) throw cause
      throw new MillraceError('CORRUPT_FILE', 'cannot be read as Parquet', { place: path, cause })
    }
  }

  constructor(
    context: SourceContext<FileSourceConfig>,
    path: string,
    file: DiskFile,
    metadata: FileMetaData,
    scan: ParquetScan,
    columns: ReadonlyMap<string, RowColumn>,
  ) {
    this.#context = context
    this.#path = path
    this.#file = file
    this.#metadata = metadata
    this.#scan = scan
    this.#columns = columns
    this.#end = Math.min(Number(metadata.num_rows), context.config.limit ?? Number.MAX_SAFE_INTEGER)
    const stored = context.storedOffset({ filename: path })?.['row']
    this.#row = typeof stored === 'number' ? stored : 0
    context.progress.report(Math.min(this.#row, this.#end), this.#end)
  }

  async poll(out: SourceWriter): Promise<PollResult> {
    if (this.#row >= this.#end) return 'end'
    this.#writing ??= await RowWriting.open(this.#context, out, this.#path, this.#columns)
    if (this.#row >= this.#groupEnd) await this.#readGroup()
    const to = Math.min(this.#row + pollRows, this.#groupEnd, this.#end)
    while (this.#row < to) {
      const runEnd = Math.min(this.#row + runRows, to)
      for (; this.#row < runEnd; this.#row++) this.#writing.row(this.#row - this.#groupStart, this.#row)
      if (out.full) await out.drained()
    }
    out.position({ filename: this.#path }, { row: this.#row })
    this.#context.progress.report(this.#row, this.#end)
    return this.#row >= this.#end ? 'end' : 'more'
  }

  async stop(): Promise<void> {
    this.#file.close()
  }

  async #readGroup(): Promise<void> {
    let start = 0
    for (const group of this.#metadata.row_groups) {
      const end = start + Number(group.num_rows)
      if (this.#row < end) {
        await this.#readColumns(start, end)
        return
      }
      start = end
    }
  }

  async #readColumns(rowStart: number, rowEnd: number): Promise<void> {
    for (const column of this.#columns.values()) column.values = []
    try {
      for (const [source, column] of this.#columns) {
        column.values = await this.#scan.readColumn({ column: source, rowStart, rowEnd })
      }
    } catch (cause) {
      const place = `${this.#path}, rows ${rowStart} to ${rowEnd}`
      throw new MillraceError('CORRUPT_FILE', 'cannot be read as Parquet', { place, cause })
    }
    this.#groupStart = rowStart
    this.#groupEnd = rowEnd
  }
}

/** Writes rows of the columns in memory. */
class RowWriting {
  readonly #target: RowTarget
  readonly #value: ReturnType<RowTarget['jsonValueOut']>
  readonly #keyColumns: readonly RowColumn[]
  readonly #timestamps: RowColumn | undefined
  readonly #path: string

  static async open(
    context: SourceContext<FileSourceConfig>,
    out: SourceWriter,
    path: string,
    columns: ReadonlyMap<string, RowColumn>,
  ): Promise<RowWriting> {
    return new RowWriting(await openRowTarget(context, out), context.config, path, columns)
  }

  constructor(target: RowTarget, config: FileSourceConfig, path: string, columns: ReadonlyMap<string, RowColumn>) {
    this.#target = target
    this.#path = path
    const chosen = config.fields
    const shown =
      chosen === undefined ? [...columns.values()] : chosen.map(({ name, from }) => renamed(columns, name, from))
    this.#value = target.jsonValueOut<unknown>(new RowJson(shown))
    this.#keyColumns = (target.key?.fields ?? []).map((field) => columns.get(field)!)
    this.#timestamps = target.timestampField === undefined ? undefined : columns.get(target.timestampField)
  }

  row(i: number, row: number): void {
    const target = this.#target
    try {
      const timestamps = this.#timestamps
      const timestamp = timestamps === undefined ? target.timestamp() : this.#timestampAt(timestamps, i, row)
      const key = target.key === undefined ? null : this.#keyAt(i, row)
      target.out.append(target.topic, -1, timestamp, key, target.keyOut, i, this.#value, null)
    } catch (error) {
      const place = `${this.#path}, row ${row}`
      target.out.reject({ topic: target.topic.topic, place, error: errorOf(error), raw: null })
    }
  }

  #timestampAt(column: RowColumn, i: number, row: number): number {
    const value = column.values[i]
    if (column.kind === 'time-iso' && typeof value === 'number' && value >= 0) return value
    const plain = column.kind === 'date' && typeof value === 'number' ? value * 86_400_000 : value
    return timestampOf(this.#target, column.name, plain, `${this.#path}, row ${row}`)
  }

  #keyAt(i: number, row: number): string {
    const columns = this.#keyColumns
    const first = columns[0]!.values[i]
    if (this.#target.key!.plain && typeof first === 'string') return first
    const key = keyText(this.#target.key!, (field) => columns[field]!.values[i])
    if (key === null)
      throw badField(`${this.#path}, row ${row}`, this.#target.key!.fields.join(', '), 'of the key is null', null)
    return key
  }
}

/** The same values under another name. */
function renamed(columns: ReadonlyMap<string, RowColumn>, name: string, from: string | undefined): RowColumn {
  const column = columns.get(from ?? name)!
  if (from === undefined || from === name) return column
  return {
    name,
    kind: column.kind,
    get values() {
      return column.values
    },
    set values(values) {
      column.values = values
    },
  }
}

/**
 * The columns that value, key and timestamp need, by their name in the file. @throws CONFIG for one the file does
 * not have.
 */
function columnsOf(schema: SchemaTree, config: FileSourceConfig): Map<string, RowColumn> {
  const known = schema.children.map(({ element }) => element.name)
  const wanted = new Map<string, string>()
  const want = (option: string, name: string) => {
    if (!known.includes(name)) {
      const near = nearest(name, known)
      const fix = `${near === undefined ? '' : `Did you mean ${near}? `}The file has ${known.join(', ')}.`
      throw configError(option, 'names no column of the file', name, fix)
    }
    wanted.set(name, option)
  }
  if (config.fields === undefined) for (const name of known) want('path', name)
  else for (const { name, from } of config.fields) want('fields', from ?? name)
  const key = keyRuleOf(config['key.field'], config['key.template'])
  for (const field of key?.fields ?? []) want(config['key.field'] === undefined ? 'key.template' : 'key.field', field)
  if (config['timestamp.field'] !== undefined) want('timestamp.field', config['timestamp.field'])
  const columns = new Map<string, RowColumn>()
  for (const tree of schema.children) {
    const { name } = tree.element
    if (wanted.has(name)) columns.set(name, { name, kind: kindOf(tree, config), values: [] })
  }
  return columns
}

function kindOf({ element }: SchemaTree, config: FileSourceConfig): TimeKind {
  const converted = element.converted_type
  if (converted === 'DATE' || element.logical_type?.type === 'DATE') return 'date'
  const isTime =
    converted === 'TIMESTAMP_MILLIS' ||
    converted === 'TIMESTAMP_MICROS' ||
    element.logical_type?.type === 'TIMESTAMP' ||
    (element.type === 'INT96' && converted === undefined)
  return isTime && config['time.output'] === 'iso' ? 'time-iso' : 'plain'
}

function bufferOf(file: DiskFile): AsyncBuffer {
  const byteLength = file.size()
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = new ArrayBuffer(end - start)
      file.read(Buffer.from(bytes), 0, end - start, start)
      return bytes
    },
  }
}
