import { Buffer } from 'node:buffer'
import type { AssignedPartition, SinkPosition } from '@millrace/connect-api'
import { type Disk, MillraceError, messageOf, offset, TopicPartitionMap } from '@millrace/kernel'

/** A file of lines as it was when its positions were kept. */
interface Kept {
  readonly bytes: number
  readonly positions: readonly SinkPosition[]
}

/**
 * How far the records of each partition stand in a file, kept beside it as `<file>.positions`, JSON:
 *
 *   { "bytes": 1234, "positions": [{ "topic": "…", "topicId": "…", "partition": 0, "offset": 17 }] }
 *
 * What lies in the file behind `bytes` came after the last time, and comes again.
 */
export class SinkPositions {
  readonly #disk: Disk
  readonly #file: string
  readonly #reached = new TopicPartitionMap<SinkPosition>()

  /** @throws CORRUPT_FILE */
  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#file = `${path}.positions`
  }

  /** Bytes of the file that the positions stand for; undefined where none were kept. @throws CORRUPT_FILE */
  read(): number | undefined {
    const text = this.#disk.readWhole(this.#file)?.toString('utf8')
    if (text === undefined) return undefined
    const { bytes, positions } = parse(text, this.#file)
    for (const position of positions) this.reached(position)
    return bytes
  }

  /** The file that they were of is gone. */
  clear(): void {
    this.#reached.clear()
  }

  /** Of those that belong to what is given now, and not to a topic of the same name that is gone. */
  of(partitions: readonly AssignedPartition[]): SinkPosition[] {
    return partitions.flatMap(({ topic, partition, topicId }) => {
      const kept = this.#reached.get(topic, partition)
      return kept === undefined || kept.topicId !== topicId ? [] : [kept]
    })
  }

  reached(position: SinkPosition): void {
    this.#reached.set(position.topic, position.partition, position)
  }

  /** Durable when it resolves, all or nothing. The file must be synced up to `bytes` before. */
  async keep(bytes: number): Promise<void> {
    const kept: Kept = { bytes, positions: [...this.#reached.values()] }
    const text = Buffer.from(`${JSON.stringify(kept)}\n`)
    const next = this.#disk.open(`${this.#file}.new`, 'open-or-create')
    try {
      next.truncate(0)
      next.write(text, 0, text.length, 0)
      await next.sync()
    } finally {
      next.close()
    }
    this.#disk.rename(`${this.#file}.new`, this.#file)
    await this.#disk.syncDirectory(this.#file.slice(0, Math.max(1, this.#file.lastIndexOf('/'))))
  }
}

function parse(text: string, place: string): Kept {
  try {
    const { bytes, positions } = JSON.parse(text)
    if (!Number.isSafeInteger(bytes) || !Array.isArray(positions)) throw new Error('bytes or positions are missing')
    return { bytes, positions: positions.map(positionOf) }
  } catch (cause) {
    throw new MillraceError('CORRUPT_FILE', `holds no positions: ${messageOf(cause)}`, {
      place,
      fix: 'Remove it: the sink then goes on where its group stands, and may repeat a few lines.',
      cause,
    })
  }
}

function positionOf({ topic, topicId, partition, offset: at }: Record<keyof SinkPosition, unknown>): SinkPosition {
  if (typeof topic !== 'string' || typeof topicId !== 'string') throw new Error('a position without a topic')
  if (typeof partition !== 'number' || typeof at !== 'number') throw new Error('a position without an offset')
  return { topic, topicId, partition, offset: offset(at) }
}
