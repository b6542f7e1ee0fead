import { type FieldReader, fieldReader, type SinkBatch } from '@millrace/connect-api'
import { type ByteWriter, MillraceError } from '@millrace/kernel'
import { type ColumnText, columnTypeOf } from './column-type.ts'
import type { PostgresSinkConfig } from './postgres-sink-config.ts'

/** One column with everything made ready. */
export interface PlannedColumn {
  readonly name: string
  readonly type: string
  readonly text: ColumnText
  readonly read: FieldReader
}

/** The statements of a table and the way from a record to a row. Made once a task; identifiers are quoted. */
export interface TablePlan {
  readonly columns: readonly PlannedColumn[]
  /** Positions of the primary key's columns. */
  readonly key: readonly number[]
  readonly createTable: string
  readonly createStage: string
  readonly clearStage: string
  readonly copy: string
  readonly merge: string
  /** Parameters: an array of texts for each column of the key. */
  readonly remove: string
}

const stage = 'pg_temp.millrace_stage'

export function planTable(config: PostgresSinkConfig): TablePlan {
  const columns = config.columns.map(({ name, type, from, split, part }, i): PlannedColumn => {
    const read = fieldReader({ from: from ?? `value.${name}`, split, part }, `columns[${i}].from`)
    return { name, type, read, text: columnTypeOf(type)! }
  })
  const primary = config['primary.key'] ?? []
  const keyNames = primary.map(quoted)
  const table = config.table.split('.').map(quoted).join('.')
  const names = columns.map(({ name }) => quoted(name)).join(', ')
  const definitions = config.columns.map(({ name, type, nullable }) => {
    return `${quoted(name)} ${type}${nullable === false || primary.includes(name) ? ' NOT NULL' : ''}`
  })
  if (primary.length > 0) definitions.push(`PRIMARY KEY (${keyNames.join(', ')})`)
  const others = columns.filter(({ name }) => !primary.includes(name)).map(({ name }) => quoted(name))
  const upsert = config['insert.mode'] === 'upsert'
  const update =
    others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`
  const conflict = `ON CONFLICT (${keyNames.join(', ')}) DO ${update}`
  const keyColumns = columns.filter(({ name }) => primary.includes(name))
  const gone = keyColumns.map((_, i) => `$${i + 1}::text[]`).join(', ')
  const goneNames = keyColumns.map((_, i) => `k${i}`).join(', ')
  const same = keyColumns.map(({ name, type }, i) => `t.${quoted(name)} = d.k${i}::${type}`).join(' AND ')
  return {
    columns,
    key: keyColumns.map((column) => columns.indexOf(column)),
    createTable: `CREATE TABLE IF NOT EXISTS ${table} (${definitions.join(', ')})`,
    createStage: `CREATE TEMPORARY TABLE IF NOT EXISTS millrace_stage (${columns
      .map(({ name, type }) => `${quoted(name)} ${type}`)
      .join(', ')}) ON COMMIT DELETE ROWS`,
    clearStage: `DELETE FROM ${stage}`,
    copy: `COPY ${upsert ? stage : table} (${names}) FROM STDIN`,
    merge: upsert ? `INSERT INTO ${table} (${names}) SELECT ${names} FROM ${stage} ${conflict}` : '',
    remove: `DELETE FROM ${table} t USING unnest(${gone}) AS d(${goneNames}) WHERE ${same}`,
  }
}

/** An SQL identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The text of a record's column. @throws BAD_RECORD naming column, type and value. */
export function columnText(column: PlannedColumn, batch: SinkBatch, i: number): string | null {
  const value = column.read(batch, i)
  const text = column.text(value)
  if (text !== undefined) return text
  const shown = typeof value === 'bigint' ? String(value) : value
  throw new MillraceError('BAD_RECORD', `column ${column.name} (${column.type}) cannot hold the value`, {
    value: shown,
    fix: 'Change the type of the column, or mend what writes the topic.',
  })
}

/** A record's key as one text: the same text, the same row. undefined when a part of it is null. */
export function rowKey(plan: TablePlan, batch: SinkBatch, i: number): string | undefined {
  let key = ''
  for (const at of plan.key) {
    const text = columnText(plan.columns[at]!, batch, i)
    if (text === null) return undefined
    key += `${text.length}:${text}`
  }
  return key
}

const mustEscape = /[\\\n\r\t]/
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Writes a record as a line of COPY's text format. @throws BAD_RECORD; `into` is then where it was. */
export function writeRow(plan: TablePlan, batch: SinkBatch, i: number, into: ByteWriter): void {
  const from = into.position
  try {
    for (let at = 0; at < plan.columns.length; at++) {
      if (at > 0) into.int8(0x09)
      const text = columnText(plan.columns[at]!, batch, i)
      if (text === null) into.utf8('\\N')
      else into.utf8(mustEscape.test(text) ? text.replace(/[\\\n\r\t]/g, (unit) => escapes[unit]!) : text)
    }
    into.int8(0x0a)
  } catch (error) {
    into.position = from
    throw error
  }
}
