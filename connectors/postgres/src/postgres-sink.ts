import type { Buffer } from 'node:buffer'
import {
  type AssignedPartition,
  defineSink,
  type SinkBatch,
  type SinkContext,
  type SinkPosition,
  type SinkTask,
} from '@millrace/connect-api'
import { ByteWriter, codeOf, MillraceError, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { PostgresConnection, PostgresTransaction } from './postgres-connection.ts'
import { isDataError, postgresError, refusedRow } from './postgres-error.ts'
import { checkPostgresSink, type PostgresSinkConfig, postgresSinkSchema } from './postgres-sink-config.ts'
import { columnText, planTable, rowKey, type TablePlan, writeRow } from './table-plan.ts'

/**
 * Writes a topic into a table. A batch is one transaction: COPY into a temporary table, one upsert from it, one
 * delete of what tombstones
 * name. Within a batch the last record of a key wins. A row that Postgres refuses is found by halving the batch;
 * the others are written. Under exactly-once the positions behind the batch are part of the transaction, in the table
 * millrace_sink_positions of the same database.
 */
export const postgresSink = defineSink<PostgresSinkConfig>({
  name: 'postgres-sink',
  config: postgresSinkSchema,
  exactlyOnce: true,
  check: checkPostgresSink,
  async start(context) {
    const plan = planTable(context.config)
    // The driver is loaded by the task that needs it, not by every worker that knows the connector.
    const { PostgresConnection } = await import('./postgres-connection.ts')
    const connection = new PostgresConnection(context.config, plan, context.log, context.exactlyOnce)
    await connection.open()
    return new PostgresTask(context, plan, connection)
  },
})

/** A batch on its way: `done` resolves to what went wrong, and is gone once that has been told. */
interface Writing {
  readonly batch: SinkBatch
  records: readonly number[]
  ends: readonly SinkPosition[]
  readonly rows: ByteWriter
  done: Promise<{ readonly error: unknown } | undefined> | undefined
}

/**
 * While Postgres takes one batch the next is read and encoded. A batch that failed is kept and tried again before
 * anything else
 * is taken; `flush` waits for the last.
 */
class PostgresTask implements SinkTask {
  readonly #context: SinkContext<PostgresSinkConfig>
  readonly #plan: TablePlan
  readonly #connection: PostgresConnection
  /** Under exactly-once: of what is written, or on its way. */
  readonly #reached = new TopicPartitionMap<number>()
  #writing: Writing | undefined
  /** One is on its way while the other is filled. */
  #spare = new ByteWriter(1_048_576)
  #other = new ByteWriter(1_048_576)

  constructor(context: SinkContext<PostgresSinkConfig>, plan: TablePlan, connection: PostgresConnection) {
    this.#context = context
    this.#plan = plan
    this.#connection = connection
  }

  async open(partitions: readonly AssignedPartition[]): Promise<readonly SinkPosition[]> {
    if (!this.#context.exactlyOnce) return []
    const kept = await this.#connection.positions(this.#context.connector)
    return partitions.flatMap(({ topic, partition, topicId }) => {
      const found = kept.find((row) => row.topic === topic && row.partition === partition && row.topicId === topicId)
      if (found !== undefined) this.#reached.set(topic, partition, found.offset)
      return found === undefined ? [] : [found]
    })
  }

  async put(batch: SinkBatch): Promise<void> {
    await this.#againIfFailed()
    const rows = this.#spare
    const encoded = this.#encode(batch, this.#winners(batch), rows)
    await this.#settled()
    const { ends } = batch
    const done = outcomeOf(this.#write(batch, encoded, rows, ends))
    this.#writing = { batch, records: encoded.written, ends, rows, done }
    this.#spare = this.#other
    this.#other = rows
  }

  async flush(): Promise<void> {
    await this.#againIfFailed()
    await this.#settled()
  }

  /** What failed and belongs to partitions that are gone is for their new owner to write. */
  async close(partitions: readonly TopicPartition[]): Promise<void> {
    const writing = this.#writing
    if (writing === undefined) return
    const gone = new TopicPartitionMap<true>()
    for (const { topic, partition } of partitions) gone.set(topic, partition, true)
    writing.records = writing.records.filter((i) => {
      const { topic, partition } = writing.batch.placeOf(i)
      return !gone.has(topic, partition)
    })
    writing.ends = writing.ends.filter(({ topic, partition }) => !gone.has(topic, partition))
  }

  async stop(): Promise<void> {
    await this.#writing?.done
    await this.#connection.close()
  }

  /** Waits for the batch on its way. @throws what went wrong with it. */
  async #settled(): Promise<void> {
    const writing = this.#writing
    const failure = await writing?.done
    if (writing === undefined) return
    if (failure !== undefined) {
      writing.done = undefined
      throw failure.error
    }
    this.#writing = undefined
  }

  async #againIfFailed(): Promise<void> {
    const writing = this.#writing
    if (writing === undefined || writing.done !== undefined) return
    const encoded = this.#encode(writing.batch, writing.records, writing.rows)
    writing.done = outcomeOf(this.#write(writing.batch, encoded, writing.rows, writing.ends))
    await this.#settled()
  }

  /** Records to write, in order: of each key the last. */
  #winners(batch: SinkBatch): readonly number[] {
    const all = Array.from({ length: batch.size }, (_, i) => i)
    if (this.#context.config['insert.mode'] === 'insert') return all
    const last = new Map<string, number>()
    for (const i of all) {
      try {
        const key = rowKey(this.#plan, batch, i)
        if (key === undefined) throw new MillraceError('BAD_RECORD', 'the primary key has a part that is null')
        last.set(key, i)
      } catch (error) {
        this.#reject(batch, i, error)
      }
    }
    return [...last.values()].sort((a, b) => a - b)
  }

  /** One transaction. */
  async #write(batch: SinkBatch, encoded: EncodedRows, rows: ByteWriter, ends: readonly SinkPosition[]): Promise<void> {
    const { connector, exactlyOnce } = this.#context
    if (encoded.written.length === 0 && !exactlyOnce) return
    try {
      await this.#connection.transaction(async (transaction) => {
        await this.#writePart(transaction, batch, encoded, rows)
        if (!exactlyOnce) return
        const moves = ends.map((end) => ({ ...end, from: this.#reached.get(end.topic, end.partition) ?? 0 }))
        await transaction.advance(connector, moves)
      })
    } catch (error) {
      throw postgresError(error, this.#connection.place)
    }
    for (const { topic, partition, offset } of ends) this.#reached.set(topic, partition, offset)
  }

  /** Rows that Postgres refuses are found by halving. */
  async #writePart(
    transaction: PostgresTransaction,
    batch: SinkBatch,
    { text, removals, written }: EncodedRows,
    rows: ByteWriter,
  ): Promise<void> {
    if (written.length === 0) return
    try {
      await transaction.write(text, removals)
    } catch (error) {
      if (!isDataError(error)) throw error
      if (written.length === 1) {
        this.#context.reject(batch, written[0]!, refusedRow(error))
        return
      }
      const half = written.length >> 1
      for (const part of [written.slice(0, half), written.slice(half)]) {
        await this.#writePart(transaction, batch, this.#encode(batch, part, rows), rows)
        await transaction.keep()
      }
    }
  }

  #encode(batch: SinkBatch, records: readonly number[], rows: ByteWriter): EncodedRows {
    rows.reset()
    const removals: string[][] = this.#plan.key.map(() => [])
    const written: number[] = []
    for (const i of records) {
      try {
        if (batch.values[i] === null) this.#remove(batch, i, removals)
        else writeRow(this.#plan, batch, i, rows)
        written.push(i)
      } catch (error) {
        this.#reject(batch, i, error)
      }
    }
    return { text: rows.view(), removals, written }
  }

  #remove(batch: SinkBatch, i: number, removals: string[][]): void {
    if (!this.#context.config['delete.enabled'] || this.#plan.key.length === 0) {
      throw new MillraceError('BAD_RECORD', 'is a tombstone, and the sink does not delete', {
        fix: 'Set delete.enabled and primary.key.',
      })
    }
    const texts = this.#plan.key.map((at) => columnText(this.#plan.columns[at]!, batch, i))
    texts.forEach((text, at) => {
      if (text !== null) removals[at]!.push(text)
    })
  }

  #reject(batch: SinkBatch, i: number, error: unknown): void {
    if (codeOf(error) !== 'BAD_RECORD' || !(error instanceof Error)) throw error
    this.#context.reject(batch, i, error)
  }
}

/** COPY's text of the rows, and of each key column the texts of rows to delete. */
interface EncodedRows {
  readonly text: Buffer
  readonly removals: readonly (readonly string[])[]
  readonly written: readonly number[]
}

/** A write that never rejects, so that it may be waited for later. */
function outcomeOf(write: Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  return write.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
}
