import { type ConfigProblem, type ConfigSchema, fieldReader, fieldSourceProperties } from '@millrace/connect-api'
import { messageOf } from '@millrace/kernel'
import { columnTypeOf } from './column-type.ts'

/** One column: its type in Postgres and where its values come from. */
export interface ColumnOption {
  readonly name: string
  readonly type: string
  /** @default `value.<name>` */
  readonly from?: string | undefined
  readonly split?: string | undefined
  readonly part?: number | undefined
  /** @default true, but in the primary key */
  readonly nullable?: boolean | undefined
}

export interface PostgresSinkConfig {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly ssl: 'disable' | 'require' | 'verify-full'
  readonly table: string
  readonly columns: readonly ColumnOption[]
  readonly 'primary.key'?: readonly string[] | undefined
  readonly 'insert.mode': 'upsert' | 'insert'
  readonly 'delete.enabled': boolean
  readonly 'auto.create': boolean
  readonly 'synchronous.commit': 'on' | 'off' | 'local' | 'remote_write' | 'remote_apply'
  readonly 'connect.timeout.ms': number
}

export const postgresSinkSchema: ConfigSchema = {
  required: ['table', 'columns'],
  anyOf: [{ required: ['url'] }, { required: ['host'] }],
  properties: {
    url: {
      type: 'string',
      minLength: 1,
      writeOnly: true,
      description: 'postgres://user:password@host:port/database. Best as ${env:DATABASE_URL}.',
    },
    host: { type: 'string', minLength: 1, description: 'Instead of url: a host, or the folder of a unix socket.' },
    port: { type: 'integer', minimum: 1, maximum: 65535 },
    database: { type: 'string', minLength: 1 },
    user: { type: 'string', minLength: 1 },
    password: { type: 'string', writeOnly: true },
    ssl: {
      enum: ['disable', 'require', 'verify-full'],
      default: 'disable',
      description: 'require encrypts, verify-full checks the certificate too.',
    },
    table: { type: 'string', minLength: 1, description: 'The table, or schema.table.' },
    columns: {
      type: 'array',
      minItems: 1,
      description: 'The columns written, in order.',
      items: {
        type: 'object',
        required: ['name', 'type'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1 },
          type: {
            type: 'string',
            minLength: 1,
            description: 'A type of Postgres: text, bigint, double precision, timestamptz, numeric(10,2).',
          },
          nullable: { type: 'boolean', description: 'Default: true, but in the primary key.' },
          ...fieldSourceProperties,
        },
      },
    },
    'primary.key': {
      type: 'array',
      minItems: 1,
      items: { type: 'string' },
      description: 'Columns that tell a row. Needed to upsert.',
    },
    'insert.mode': { enum: ['upsert', 'insert'], default: 'upsert', description: 'insert: every record is a row.' },
    'delete.enabled': {
      type: 'boolean',
      default: true,
      description: 'Whether a tombstone deletes its row; else it is bad input.',
    },
    'auto.create': { type: 'boolean', default: true, description: 'Make the table where it is missing.' },
    'synchronous.commit': {
      enum: ['on', 'off', 'local', 'remote_write', 'remote_apply'],
      default: 'on',
      description:
        'off: faster; the last moments may be lost when the server crashes, though their positions are committed.',
    },
    'connect.timeout.ms': { type: 'integer', minimum: 1, default: 10_000 },
  },
}

/** What the schema cannot say. */
export function checkPostgresSink(config: PostgresSinkConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const names = new Set<string>()
  config.columns.forEach(({ name, type, from, split, part }, i) => {
    const option = `columns[${i}]`
    if (names.has(name)) problems.push({ option: `${option}.name`, problem: 'is there twice', value: name })
    names.add(name)
    if (columnTypeOf(type) === undefined) {
      const fix = 'For example text, bigint, double precision, timestamptz, numeric(10,2).'
      problems.push({ option: `${option}.type`, problem: 'is no type this sink can write', value: type, fix })
    }
    try {
      fieldReader({ from: from ?? `value.${name}`, split, part }, `${option}.from`)
    } catch (error) {
      problems.push({ option: `${option}.from`, problem: messageOf(error) })
    }
  })
  for (const name of config['primary.key'] ?? []) {
    if (names.has(name)) continue
    problems.push({
      option: 'primary.key',
      problem: 'names no column',
      value: name,
      fix: `Use some of ${[...names].join(', ')}.`,
    })
  }
  if (config['insert.mode'] === 'upsert' && config['primary.key'] === undefined) {
    problems.push({
      option: 'primary.key',
      problem: 'is needed to upsert',
      fix: 'Name its columns, or set insert.mode to insert.',
    })
  }
  if (config.table.split('.').length > 2 || config.table.split('.').includes('')) {
    problems.push({ option: 'table', problem: 'is neither a table nor schema.table', value: config.table })
  }
  if (config.url !== undefined && !/^postgres(ql)?:\/\//.test(config.url)) {
    problems.push({
      option: 'url',
      problem: 'does not begin with postgres://',
      fix: 'postgres://user:password@host:port/database',
    })
  }
  return problems
}
