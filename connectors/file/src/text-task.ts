import { Buffer } from 'node:buffer'
import type { PollResult, SourceContext, SourceTask, SourceWriter } from '@millrace/connect-api'
import { type DiskFile, MillraceError } from '@millrace/kernel'
import { CsvFormat } from './csv-format.ts'
import type { FileSourceConfig } from './file-source-config.ts'
import { LineReader } from './line-reader.ts'
import { BorrowedSlice, JsonLinesFormat, LinesFormat } from './lines-format.ts'
import { emptyBytes, openRowTarget, type RowTarget } from './row-target.ts'
import { placeOf, type TextFormat } from './text-format.ts'

/** Lines taken in one poll, and between two looks at the producer's buffer. */
const pollLines = 8192
const runLines = 64

/** Reads a text file line by line. Its position is that of the first byte not done, with the line's number. */
export class TextTask implements SourceTask {
  readonly #context: SourceContext<FileSourceConfig>
  readonly #path: string
  readonly #lineBytesMax: number
  #file: DiskFile | undefined
  #reader: LineReader | undefined
  #target: RowTarget | undefined
  #format: TextFormat | undefined
  #linesDone = 0
  #safePosition = 0
  #safeLine = 0

  constructor(context: SourceContext<FileSourceConfig>) {
    this.#context = context
    this.#path = context.resolvePath(context.config.path)
    this.#lineBytesMax = context.config['line.bytes.max']
    const stored = context.storedOffset({ filename: this.#path })
    this.#safePosition = numberOf(stored?.['position'])
    this.#safeLine = numberOf(stored?.['line'])
    this.#linesDone = this.#safeLine
  }

  async poll(out: SourceWriter): Promise<PollResult> {
    const reader = await this.#open(out)
    const { config, progress } = this.#context
    if (reader === undefined) return 'idle'
    const limit = config.limit ?? Number.MAX_SAFE_INTEGER
    let result: PollResult = 'more'
    for (let i = 0; i < pollLines && result === 'more'; i++) {
      if (this.#linesDone >= limit + (config.format === 'csv' && config['csv.header'] ? 1 : 0)) result = 'end'
      else if (!this.#line(reader, reader.next())) result = config.follow ? 'idle' : this.#rest(reader)
      if (i % runLines === 0 && out.full) await out.drained()
    }
    out.position({ filename: this.#path }, { position: this.#safePosition, line: this.#safeLine })
    progress.report(reader.position, Math.max(this.#file!.size(), reader.position))
    return result
  }

  async stop(): Promise<void> {
    this.#file?.close()
  }

  /** Takes one line; false at the end of the file. */
  #line(reader: LineReader, found: 'line' | 'long' | 'end'): boolean {
    if (found === 'end') return false
    const target = this.#target!
    if (found === 'long' || reader.position - this.#safePosition > this.#lineBytesMax + 2) {
      const place = placeOf(this.#path, reader.line)
      const error = new MillraceError('BAD_RECORD', `is longer than ${this.#lineBytesMax} bytes`, {
        place,
        fix: 'Raise line.bytes.max, or close the quote that makes it so long.',
      })
      this.#format!.abandon()
      target.out.reject({ topic: target.topic.topic, place, error, raw: null })
      this.#done(reader)
    } else if (this.#format!.line(reader.bytes, reader.from, reader.to, reader.line)) this.#done(reader)
    return true
  }

  /** The file has ended without a line's end. */
  #rest(reader: LineReader): PollResult {
    this.#line(reader, reader.takeRest())
    this.#format!.end()
    this.#done(reader)
    return 'end'
  }

  #done(reader: LineReader): void {
    this.#safePosition = reader.position
    this.#safeLine = reader.line
    this.#linesDone = reader.line
  }

  async #open(out: SourceWriter): Promise<LineReader | undefined> {
    const { config, disk, log, valueConverter } = this.#context
    if (this.#file === undefined) {
      if (config.follow && !disk.exists(this.#path)) return undefined
      this.#file = disk.open(this.#path, 'read')
    }
    const size = this.#file.size()
    if (this.#reader !== undefined && size >= this.#reader.position) return this.#reader
    if (size < this.#safePosition) {
      log.warn('the file is shorter than what was read of it: read from its beginning', { path: this.#path, size })
      this.#safePosition = 0
      this.#safeLine = 0
      this.#linesDone = 0
    }
    if (this.#safePosition === 0) this.#safePosition = byteOrderMark(this.#file)
    this.#target ??= await openRowTarget(this.#context, out)
    const slice = new BorrowedSlice(emptyBytes)
    if (config.format === 'lines') this.#format = new LinesFormat(this.#target, valueConverter, this.#path, slice)
    else if (config.format === 'jsonl') this.#format = new JsonLinesFormat(this.#target, this.#path, slice)
    else this.#format = new CsvFormat(this.#target, config, this.#path, this.#csvNames(this.#file))
    this.#reader = new LineReader(this.#file, this.#safePosition, this.#safeLine, this.#lineBytesMax)
    return this.#reader
  }

  /** The columns of a CSV file that is read on from its middle. */
  #csvNames(file: DiskFile): readonly string[] | undefined {
    const { config } = this.#context
    if (!config['csv.header']) return config['csv.columns']
    if (this.#safeLine === 0) return undefined
    const reader = new LineReader(file, byteOrderMark(file), 0, this.#lineBytesMax)
    if (reader.next() !== 'line') return undefined
    const header = reader.bytes.utf8Slice(reader.from, reader.to)
    return header.split(config['csv.delimiter']).map((name) => name.replace(/^"(.*)"$/, '$1').replaceAll('""', '"'))
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

/** Length of a UTF-8 byte order mark at the start. */
function byteOrderMark(file: DiskFile): number {
  const start = Buffer.alloc(3)
  return file.read(start, 0, 3, 0) === 3 && start.readUIntBE(0, 3) === 0xefbbbf ? 3 : 0
}
