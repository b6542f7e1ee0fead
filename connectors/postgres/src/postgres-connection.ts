import type { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { SinkPosition } from '@millrace/connect-api'
import { type Log, offset } from '@millrace/kernel'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { isDataError, postgresError } from './postgres-error.ts'
import type { PostgresSinkConfig } from './postgres-sink-config.ts'
import { advance, createPositions, type Move, readPositions } from './sink-positions.ts'
import type { TablePlan } from './table-plan.ts'

/** What may be done inside a transaction. */
export interface PostgresTransaction {
  /** Rejects with pg's own error for bad data: everything up to the last `keep` stays, and more may follow. */
  write(rows: Buffer, removals: readonly (readonly string[])[]): Promise<void>
  /** What was written stays, also when a later write is bad. */
  keep(): Promise<void>
  /** @throws STATE when somebody else has written one of the partitions meanwhile */
  advance(connector: string, moves: readonly Move[]): Promise<void>
}

/** One connection with the stage table made. A lost one is replaced at the next use. */
export class PostgresConnection {
  readonly #config: PostgresSinkConfig
  readonly #plan: TablePlan
  readonly #log: Log
  readonly #keepsPositions: boolean
  /** The server for errors: host, port and database, never the password. */
  readonly place: string
  #client: pg.Client | undefined

  constructor(config: PostgresSinkConfig, plan: TablePlan, log: Log, keepsPositions: boolean) {
    this.#keepsPositions = keepsPositions
    this.#config = config
    this.#plan = plan
    this.#log = log
    this.place = placeOf(config)
  }

  /** Connects and makes the tables where needed. @throws SYSTEM_UNAVAILABLE when the server cannot be reached. */
  async open(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client
    const client = new pg.Client(clientConfig(this.#config))
    // Without a listener the loss of an idle connection would end the process.
    client.on('error', (error) => {
      this.#log.warn('the connection to PostgreSQL was lost', { place: this.place, reason: error.message })
      if (this.#client === client) this.#client = undefined
    })
    try {
      await client.connect()
      await client.query(`SET synchronous_commit TO ${this.#config['synchronous.commit']}`)
      await client.query("SET application_name TO 'millrace postgres-sink'")
      if (this.#config['auto.create']) await createOnce(client, this.#plan.createTable)
      if (this.#keepsPositions) await createOnce(client, createPositions)
      if (this.#config['insert.mode'] === 'upsert') await client.query(this.#plan.createStage)
    } catch (error) {
      client.end().catch(() => undefined)
      throw postgresError(error, this.place)
    }
    this.#client = client
    return client
  }

  /** All that `work` writes is one transaction, or nothing of it is there. */
  async transaction(work: (transaction: PostgresTransaction) => Promise<void>): Promise<void> {
    const client = await this.open()
    try {
      await client.query('BEGIN; SAVEPOINT part')
      await work({
        write: (rows, removals) => this.#write(client, rows, removals),
        keep: async () => {
          await client.query(this.#plan.merge === '' ? 'SAVEPOINT part' : `${this.#plan.clearStage}; SAVEPOINT part`)
        },
        advance: (connector, moves) => advance(client, connector, moves),
      })
      await client.query('COMMIT')
    } catch (error) {
      await this.#rollback(client)
      throw error
    }
  }

  /** What the connector has written of each partition. */
  async positions(connector: string): Promise<SinkPosition[]> {
    const client = await this.open()
    try {
      const { rows } = await client.query(readPositions, [connector])
      return rows.map(({ topic, topic_id: topicId, partition, next_offset: next }) => {
        return { topic, topicId, partition, offset: offset(Number(next)) }
      })
    } catch (error) {
      throw postgresError(error, this.place)
    }
  }

  /** Rows copied and merged, keys removed. */
  async #write(client: pg.Client, rows: Buffer, removals: readonly (readonly string[])[]): Promise<void> {
    try {
      if (rows.length > 0) {
        await pipeline(Readable.from([rows], { objectMode: false }), client.query(copyFrom(this.#plan.copy)))
        if (this.#plan.merge !== '') await client.query(this.#plan.merge)
      }
      if ((removals[0]?.length ?? 0) > 0) await client.query(this.#plan.remove, [...removals])
    } catch (error) {
      if (isDataError(error)) await client.query('ROLLBACK TO SAVEPOINT part')
      throw error
    }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => undefined) // gone already
  }

  /** Whatever state the connection is in, the next use finds a good one. */
  async #rollback(client: pg.Client): Promise<void> {
    try {
      await client.query('ROLLBACK')
    } catch {
      if (this.#client === client) this.#client = undefined
      client.end().catch(() => undefined)
    }
  }
}

/** Two tasks may make the table at once: the one that comes second finds its name taken. */
async function createOnce(client: pg.Client, statement: string): Promise<void> {
  try {
    await client.query(statement)
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined
    if (code !== '42P07' && code !== '23505' && code !== '42710') throw error
  }
}

function clientConfig(config: PostgresSinkConfig): pg.ClientConfig {
  const ssl = config.ssl === 'disable' ? undefined : { rejectUnauthorized: config.ssl === 'verify-full' }
  return {
    ...(config.url !== undefined && { connectionString: config.url }),
    ...(config.host !== undefined && { host: config.host }),
    ...(config.port !== undefined && { port: config.port }),
    ...(config.database !== undefined && { database: config.database }),
    ...(config.user !== undefined && { user: config.user }),
    ...(config.password !== undefined && { password: config.password }),
    ...(ssl !== undefined && { ssl }),
    connectionTimeoutMillis: config['connect.timeout.ms'],
    keepAlive: true,
  }
}

function placeOf(config: PostgresSinkConfig): string {
  if (config.url === undefined) return `postgres ${config.host}:${config.port ?? 5432}/${config.database ?? ''}`
  try {
    const url = new URL(config.url)
    return `postgres ${url.hostname}:${url.port || 5432}${url.pathname}`
  } catch {
    return 'postgres'
  }
}
