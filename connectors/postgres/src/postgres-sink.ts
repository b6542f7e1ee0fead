import { defineSink, type SinkBatch, type SinkContext, type SinkTask } from '@millrace/connect-api'
import { ByteWriter, codeOf, MillraceError } from '@millrace/kernel'
import { PostgresConnection } from './postgres-connection.ts'
import { isDataError, postgresError, refusedRow } from './postgres-error.ts'
import { checkPostgresSink, type PostgresSinkConfig, postgresSinkSchema } from './postgres-sink-config.ts'
import { columnText, planTable, rowKey, type TablePlan, writeRow } from './table-plan.ts'

/**
 * Writes a topic into a table. A batch is one transaction: COPY into a temporary table, one upsert from it, one delete of what tombstones
 * name. Within a batch the last record of a key wins. A row that Postgres refuses is found by halving the batch; the others are written.
 */
export const postgresSink = defineSink<PostgresSinkConfig>({
  name: 'postgres-sink',
  config: postgresSinkSchema,
  check: checkPostgresSink,
  async start(context) {
    const plan = planTable(context.config)
    const connection = new PostgresConnection(context.config, plan, context.log)
    await connection.open()
    return new PostgresTask(context, plan, connection)
  },
})

class PostgresTask implements SinkTask {
  readonly #context: SinkContext<PostgresSinkConfig>
  readonly #plan: TablePlan
  readonly #connection: PostgresConnection
  readonly #rows = new ByteWriter(1_048_576)

  constructor(context: SinkContext<PostgresSinkConfig>, plan: TablePlan, connection: PostgresConnection) {
    this.#context = context
    this.#plan = plan
    this.#connection = connection
  }

  async put(batch: SinkBatch): Promise<void> {
    await this.#write(batch, this.#winners(batch))
  }

  async stop(): Promise<void> {
    await this.#connection.close()
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

  async #write(batch: SinkBatch, records: readonly number[]): Promise<void> {
    if (records.length === 0) return
    const { rows, removals, written } = this.#encode(batch, records)
    try {
      if (written.length > 0) await this.#connection.write(rows, removals)
    } catch (error) {
      if (!isDataError(error)) throw postgresError(error, this.#connection.place)
      if (written.length === 1) {
        this.#context.reject(batch, written[0]!, refusedRow(error))
        return
      }
      const half = written.length >> 1
      await this.#write(batch, written.slice(0, half))
      await this.#write(batch, written.slice(half))
    }
  }

  /** COPY's text of the rows, and of each key column the texts of rows to delete. */
  #encode(batch: SinkBatch, records: readonly number[]) {
    const rows = this.#rows.reset()
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
    return { rows: rows.view(), removals, written }
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
