import { Buffer } from 'node:buffer'
import { type ByteWritable, type ByteWriter, MiB, MillraceError } from '@millrace/kernel'
import { type ClusterChoice, openCluster } from './cluster-choice.ts'
import { interruption } from './interruption.ts'
import { recordsText } from './progress-lines.ts'
import { noSuchTopic } from './topics-command.ts'

export interface ProduceOptions extends ClusterChoice {
  readonly keySeparator?: string | undefined
  readonly acks: 'all' | '1'
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
}

/** No topic takes a record as large as this. */
const lineBytesMax = 100 * MiB

const rawBytes: ByteWritable<Buffer> = { write: (value: Buffer, into: ByteWriter) => void into.raw(value) }

/** Writes each line of standard input as a record, byte by byte as it came. Ends with the input, or at Ctrl-C. */
export async function produce(topic: string, options: ProduceOptions): Promise<void> {
  const { signal } = interruption()
  const cluster = await openCluster(options)
  let records = 0
  try {
    const admin = cluster.client.admin()
    const known = await admin.listTopics()
    if (!known.includes(topic)) throw noSuchTopic(topic, known)
    const { acks, compression } = options
    const producer = cluster.client.producer({ acks: acks === 'all' ? 'all' : 1, compression, lingerMs: 5 })
    const handle = await producer.open(topic)
    for await (const line of linesOf(process.stdin, signal)) {
      const { key, value } = recordOf(line, options.keySeparator, records + 1)
      if (producer.full) await producer.drained()
      producer.append(handle, -1, Date.now(), key, rawBytes, value, rawBytes, null)
      records++
    }
    await producer.flush()
    process.stderr.write(`wrote ${recordsText(records)} to ${topic}\n`)
  } finally {
    await cluster.close()
  }
}

/** @throws BAD_RECORD naming the line that has no separator */
function recordOf(line: Buffer, separator: string | undefined, number: number): { key: Buffer | null; value: Buffer } {
  if (separator === undefined) return { key: null, value: line }
  const at = line.indexOf(separator)
  if (at >= 0) return { key: line.subarray(0, at), value: line.subarray(at + Buffer.byteLength(separator)) }
  throw new MillraceError('BAD_RECORD', 'has no separator between key and value', {
    place: `line ${number}`,
    value: line.toString('utf8'),
    fix: `Write KEY${separator}VALUE, or leave --key-separator out. The lines before are written.`,
  })
}

/** Lines without their ends; the last one may lack it. */
async function* linesOf(input: NodeJS.ReadStream, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => void input.destroy()
  signal.addEventListener('abort', stop)
  let rest: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of input) {
      rest = Buffer.concat([rest, Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))])
      let from = 0
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a, from)) {
        yield rest.subarray(from, end > from && rest[end - 1] === 0x0d ? end - 1 : end)
        from = end + 1
      }
      rest = rest.subarray(from)
      if (rest.length > lineBytesMax) {
        const fix = 'Is the input text, with a line break after each record?'
        throw new MillraceError('BAD_RECORD', `a line has no end after ${lineBytesMax} bytes`, { place: 'input', fix })
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
  if (rest.length > 0 && !signal.aborted) yield rest
}
