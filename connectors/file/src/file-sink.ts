import { Buffer } from 'node:buffer'
import {
  type AssignedPartition,
  defineSink,
  type FieldReader,
  fieldReader,
  type SinkBatch,
  type SinkContext,
  type SinkPosition,
  type SinkTask,
} from '@millrace/connect-api'
import { ByteWriter, type DiskFile } from '@millrace/kernel'
import { checkFileSink, type FileSinkConfig, fileSinkSchema, type LineField } from './file-sink-config.ts'
import { JsonColumnWriter, type TimeKind } from './json-writing.ts'
import { SinkPositions } from './sink-positions.ts'

/**
 * Appends records to a file, a line each. Positions are committed after the file is synced, so after a crash
 * nothing is missing and some
 * lines may be there twice; a line that was torn by it is cut off at the next start. The last line of a key is its
 * value.
 *
 * Under exactly-once the positions are kept beside the file together with its length: what lies behind it is cut off at
 * the next start, and written again.
 */
export const fileSink = defineSink<FileSinkConfig>({
  name: 'file-sink',
  config: fileSinkSchema,
  aliases: [
    {
      className: 'org.apache.kafka.connect.file.FileStreamSinkConnector',
      options: { file: 'path' },
      defaults: { format: 'lines' },
    },
  ],
  exactlyOnce: true,
  check: checkFileSink,
  start: (context) => FileSinkTask.open(context),
})

class FileSinkTask implements SinkTask {
  readonly #context: SinkContext<FileSinkConfig>
  readonly #file: DiskFile
  readonly #write: LineWriter
  /** Under exactly-once. */
  readonly #positions: SinkPositions | undefined
  readonly #lines = new ByteWriter(1_048_576)
  #end: number
  #unsynced = false

  static async open(context: SinkContext<FileSinkConfig>): Promise<FileSinkTask> {
    const path = context.resolvePath(context.config.path)
    const existed = context.disk.exists(path)
    const file = context.disk.open(path, 'open-or-create')
    try {
      if (!existed) await context.disk.syncDirectory(path.slice(0, Math.max(1, path.lastIndexOf('/'))))
      const positions = context.exactlyOnce ? new SinkPositions(context.disk, path) : undefined
      const end = endOfWhatCounts(context, path, file, positions)
      if (positions !== undefined) {
        await file.sync()
        await positions.keep(end) // from now on it is known what came behind
      }
      return new FileSinkTask(context, file, end, positions)
    } catch (error) {
      file.close()
      throw error
    }
  }

  constructor(context: SinkContext<FileSinkConfig>, file: DiskFile, end: number, positions: SinkPositions | undefined) {
    this.#positions = positions
    this.#context = context
    this.#file = file
    this.#end = end
    this.#write = lineWriter(context.config)
  }

  async open(partitions: readonly AssignedPartition[]): Promise<readonly SinkPosition[]> {
    return this.#positions?.of(partitions) ?? []
  }

  async put(batch: SinkBatch): Promise<void> {
    const lines = this.#lines.reset()
    for (let i = 0; i < batch.size; i++) {
      const from = lines.position
      try {
        this.#write(batch, i, lines)
        lines.int8(0x0a)
      } catch (error) {
        lines.position = from
        this.#context.reject(batch, i, error instanceof Error ? error : new Error(String(error)))
      }
    }
    this.#file.write(lines.bytes, 0, lines.position, this.#end)
    this.#end += lines.position
    for (const end of batch.ends) this.#positions?.reached(end)
    this.#unsynced = true
  }

  async flush(): Promise<void> {
    if (!this.#unsynced) return
    const end = this.#end
    await this.#file.sync()
    await this.#positions?.keep(end)
    this.#unsynced = false
  }

  async stop(): Promise<void> {
    this.#file.close()
  }
}

type LineWriter = (batch: SinkBatch, i: number, into: ByteWriter) => void

function lineWriter(config: FileSinkConfig): LineWriter {
  if (config.fields !== undefined) return fieldsWriter(config.fields)
  if (config.format === 'lines') return (batch, i, into) => into.utf8(textOf(batch.values[i]))
  const whole = new JsonColumnWriter('plain')
  return (batch, i, into) => whole.write(batch.values[i], into)
}

function fieldsWriter(fields: readonly LineField[]): LineWriter {
  const made = fields.map((field, i) => {
    const from = field.from ?? `value.${field.name}`
    const read: FieldReader = fieldReader({ ...field, from }, `fields[${i}].from`)
    const before = `${i === 0 ? '{' : ','}${JSON.stringify(field.name)}:`
    return { read, writer: new JsonColumnWriter(kindOf(field, from), before), as: field.as }
  })
  return (batch, i, into) => {
    for (const { read, writer, as } of made) {
      const value = read(batch, i)
      writer.write(as === 'iso-date' && typeof value === 'number' ? Math.floor(value / 86_400_000) : value, into)
    }
    into.int8(0x7d)
  }
}

function kindOf({ as }: LineField, from: string): TimeKind {
  if (as === 'iso-date') return 'date'
  if (as === 'epoch-ms') return 'plain'
  return as === 'iso' || from.startsWith('window.') || from === 'timestamp' ? 'time-iso' : 'plain'
}

function textOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value instanceof Uint8Array
      ? Buffer.from(value).toString()
      : JSON.stringify(value)
}

/** Where the next line goes. What a crash left behind it is cut off: half a line, lines that come again. */
function endOfWhatCounts(
  { log }: SinkContext<FileSinkConfig>,
  path: string,
  file: DiskFile,
  positions: SinkPositions | undefined,
): number {
  const size = file.size()
  const kept = positions?.read()
  if (kept !== undefined && kept <= size) {
    if (kept < size) log.info('lines that are written again were cut off', { path, bytes: size - kept })
    file.truncate(kept)
    return kept
  }
  if (kept !== undefined) {
    log.warn('the file is shorter than its positions say: they are not used', { path, bytes: size, kept })
    positions?.clear()
  }
  const end = endOfLastLine(file, size)
  if (end < size) {
    log.warn('a torn last line was cut off', { path, bytes: size - end })
    file.truncate(end)
  }
  return end
}

/** Position after the last line end; 0 when there is none. */
function endOfLastLine(file: DiskFile, size: number): number {
  const chunk = Buffer.allocUnsafe(65_536)
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - chunk.length)
    const count = file.read(chunk, 0, end - from, from)
    const at = chunk.subarray(0, count).lastIndexOf(0x0a)
    if (at >= 0) return from + at + 1
    end = from
  }
  return 0
}
