import type { Buffer } from 'node:buffer'
import { type ByteWritable, MillraceError, messageOf, offset } from '@millrace/kernel'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, BatchCursor, isControl, nextOffset, openBatches } from '@millrace/record/internal'
import type { BrokerPorts } from '../broker-ports.ts'

/** One fact: `value` null takes it away. Keys are written with their fields in one order, so that equal means equal. */
export interface SecurityRecord {
  readonly key: Readonly<Record<string, string | number>>
  readonly value: Readonly<Record<string, string | number>> | null
}

const topic = '__security'
const readBytesMax = 1 << 20
const textOut: ByteWritable<string> = { write: (text, out) => void out.utf8(text) }

/**
 * Users and ACLs on disk: one compacted partition in a log directory of its own, `security/` inside the data directory.
 * No topic of the broker, so that no API, however asked, reads or writes it. Made when the first record is written.
 */
export class SecurityLog {
  readonly #path: string
  readonly #ports: BrokerPorts
  #directory: LogDirectory | undefined
  /** Appends run one after the other; so does the making of the directory. */
  #tail: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(dataPath: string, ports: BrokerPorts) {
    this.#path = `${dataPath}/security`
    this.#ports = ports
  }

  /**
   * Visits every record, oldest first. A damaged record stops the start: a broker that forgot a denial would let
   * strangers in.
   *
   * @throws CORRUPT_FILE, and what opening a log directory throws
   */
  async load(visit: (record: SecurityRecord) => void): Promise<void> {
    if (!this.#ports.disk.exists(this.#path)) return
    this.#directory = await openLogDirectory(this.#path, this.#ports)
    const failure = this.#directory.offline(topic, 0)
    const log = this.#directory.partition(topic, 0)
    if (log !== undefined) readAll(log, visit)
    else if (failure !== undefined) throw unreadable(this.#path, failure)
  }

  /** Durable when it resolves, all of them or none. @throws what the log throws; nothing was written then */
  append(records: readonly SecurityRecord[]): Promise<void> {
    const turn = this.#tail.then(() => this.#append(records))
    this.#tail = turn.catch(() => {}) // whoever asked has the error
    return turn
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#tail
    await this.#directory?.close()
    this.#directory = undefined
  }

  async #append(records: readonly SecurityRecord[]): Promise<void> {
    if (this.#closed) throw new MillraceError('CLOSED', 'the broker is closed', { place: this.#path })
    const log = await this.#partition()
    const builder = new BatchBuilder({ capacityBytes: 1024 })
    const nowMs = this.#ports.clock.nowMs()
    for (const { key, value } of records) {
      builder.append(nowMs, JSON.stringify(key), textOut, value === null ? null : JSON.stringify(value), textOut, null)
    }
    await log.synced(offset(log.append(builder.build()).lastOffset + 1))
  }

  async #partition(): Promise<PartitionLog> {
    this.#directory ??= await openLogDirectory(this.#path, this.#ports)
    const known = this.#directory.partition(topic, 0)
    if (known !== undefined) return known
    await this.#directory.createTopic({ name: topic, partitions: 1, configs: new Map([['cleanup.policy', 'compact']]) })
    const made = this.#directory.partition(topic, 0)
    if (made === undefined) throw unreadable(this.#path, this.#directory.offline(topic, 0))
    return made
  }
}

function readAll(log: PartitionLog, visit: (record: SecurityRecord) => void): void {
  const cursor = new BatchCursor()
  let next = log.logStart
  while (next < log.highWatermark) {
    const { bytes } = log.read(next, readBytesMax, 'read_uncommitted')
    if (bytes.length === 0) break
    for (const batch of openBatches(bytes, { source: `${topic}@${next}`, position: 0 })) {
      next = nextOffset(batch)
      if (isControl(batch)) continue
      cursor.open(batch)
      while (cursor.next()) {
        const value = cursor.valueFrom < 0 ? null : textOf(cursor.bytes, cursor.valueFrom, cursor.valueTo)
        visit(parsed(textOf(cursor.bytes, cursor.keyFrom, cursor.keyTo), value))
      }
    }
  }
  cursor.release()
}

function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to)
}

function parsed(key: string, value: string | null): SecurityRecord {
  try {
    return { key: fieldsOf(JSON.parse(key)), value: value === null ? null : fieldsOf(JSON.parse(value)) }
  } catch (error) {
    throw unreadable(topic, error)
  }
}

function fieldsOf(json: unknown): Readonly<Record<string, string | number>> {
  if (typeof json !== 'object' || json === null) throw new Error('a record is no object')
  const entries = Object.entries(json).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'string' && typeof value !== 'number') throw new Error(`"${name}" is no text or number`)
    return [name, value] as const
  })
  return Object.fromEntries(entries)
}

function unreadable(place: string, cause: unknown): MillraceError {
  return new MillraceError('CORRUPT_FILE', `users and ACLs cannot be read: ${messageOf(cause)}`, {
    place,
    fix: 'Restore the directory from a backup. Without it the broker would let strangers in or keep users out.',
    cause,
  })
}
