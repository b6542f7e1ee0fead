import type { CheckContext, ConfigProblem, ConfigSchema } from '@millrace/connect-api'
import { templateFields } from './record-key.ts'
import { timestampFormatProblem } from './timestamp-text.ts'

/** One field of the value: which, under what name, as what type. */
export interface FieldOption {
  readonly name: string
  /** The column or JSON field it is taken from. @default name */
  readonly from?: string | undefined
  /** What text becomes. Ignored for Parquet, whose columns have types. @default 'string' */
  readonly type?: FieldType | undefined
}

export type FieldType = 'string' | 'integer' | 'number' | 'boolean'

export interface FileSourceConfig {
  readonly path: string
  readonly topic: string
  readonly format: 'lines' | 'jsonl' | 'csv' | 'parquet'
  readonly 'key.field'?: string | undefined
  readonly 'key.template'?: string | undefined
  readonly 'timestamp.field'?: string | undefined
  readonly 'timestamp.format': string
  readonly timestamp?: number | undefined
  readonly fields?: readonly FieldOption[] | undefined
  readonly 'csv.delimiter': string
  readonly 'csv.header': boolean
  readonly 'csv.columns'?: readonly string[] | undefined
  readonly 'time.output': 'iso' | 'epoch-ms'
  readonly follow: boolean
  readonly limit?: number | undefined
  readonly 'line.bytes.max': number
}

export const fileSourceSchema: ConfigSchema = {
  required: ['path', 'topic'],
  properties: {
    path: { type: 'string', minLength: 1, description: 'The file to read.' },
    topic: { type: 'string', minLength: 1, description: 'Where its records go.' },
    format: {
      enum: ['lines', 'jsonl', 'csv', 'parquet'],
      default: 'lines',
      description:
        'lines: each line is a value. jsonl: each line is JSON. csv and parquet: each row becomes a JSON object.',
    },
    'key.field': { type: 'string', minLength: 1, description: 'The field whose value is the key.' },
    'key.template': {
      type: 'string',
      minLength: 1,
      description: 'The key as text with fields in braces: {origin}~{destination}.',
    },
    'timestamp.field': { type: 'string', minLength: 1, description: 'The field that holds the record timestamp.' },
    'timestamp.format': {
      type: 'string',
      default: 'iso',
      description:
        'iso, epoch-ms, epoch-s, or a pattern of yyyy MM dd HH mm ss SSS. A time without a zone is read as UTC.',
    },
    timestamp: {
      type: 'integer',
      minimum: 0,
      description: 'One timestamp for all records, in ms since 1970. Default: now.',
    },
    fields: {
      type: 'array',
      minItems: 1,
      description: 'Fields of the value, in order. Default: all.',
      items: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1 },
          from: { type: 'string', minLength: 1, description: 'The column. Default: the name.' },
          type: {
            enum: ['string', 'integer', 'number', 'boolean'],
            description: 'What text becomes. Default: string.',
          },
        },
      },
    },
    'csv.delimiter': {
      type: 'string',
      minLength: 1,
      default: ',',
      description: 'One ASCII character.',
      pattern: '^[\\x00-\\x7f]$',
    },
    'csv.header': { type: 'boolean', default: true, description: 'Whether the first line names the columns.' },
    'csv.columns': {
      type: 'array',
      minItems: 1,
      items: { type: 'string' },
      description: 'Column names, where there is no header.',
    },
    'time.output': {
      enum: ['iso', 'epoch-ms'],
      default: 'iso',
      description: 'How a Parquet time is written into the value.',
    },
    follow: { type: 'boolean', default: false, description: 'Keep watching the file for lines added to it.' },
    limit: { type: 'integer', minimum: 0, description: 'Stop after so many rows or lines.' },
    'line.bytes.max': {
      type: 'integer',
      minimum: 1,
      default: 1_048_576,
      description: 'A longer line or CSV record is bad input.',
    },
  },
}

/** What the schema cannot say. */
export function checkFileSource(config: FileSourceConfig, context: CheckContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const refuse = (option: keyof FileSourceConfig, problem: string, fix: string) => {
    const value = config[option]
    problems.push({ option, problem, fix, value: typeof value === 'object' ? undefined : value })
  }
  const path = context.resolvePath(config.path)
  if (!config.follow && !context.disk.exists(path)) {
    refuse('path', `names no file: ${path} does not exist`, 'Check the path, or set follow to wait for the file.')
  }
  if (config['key.field'] !== undefined && config['key.template'] !== undefined) {
    refuse('key.template', 'cannot stand beside key.field', 'Keep one of the two.')
  }
  if (config['key.template'] !== undefined && templateFields(config['key.template']).length === 0) {
    refuse('key.template', 'has no field in braces', 'For example {origin}~{destination}.')
  }
  if (config.timestamp !== undefined && config['timestamp.field'] !== undefined) {
    refuse('timestamp', 'cannot stand beside timestamp.field', 'Keep one of the two.')
  }
  const formatProblem = timestampFormatProblem(config['timestamp.format'])
  if (formatProblem !== undefined)
    refuse('timestamp.format', formatProblem, 'Use iso, epoch-ms, epoch-s or yyyy-MM-dd HH:mm:ss.')
  if (config.format === 'lines') {
    for (const option of ['key.field', 'key.template', 'timestamp.field', 'fields'] as const) {
      if (config[option] !== undefined)
        refuse(option, 'needs a format with fields', 'Set format to jsonl, csv or parquet.')
    }
  }
  if (config.format === 'csv' && !config['csv.header'] && config['csv.columns'] === undefined) {
    refuse('csv.header', 'is false, so the columns have no names', 'Name them in csv.columns.')
  }
  if (config.format === 'parquet' && config.follow) {
    refuse('follow', 'cannot be used with parquet, which is whole once written', 'Set follow to false.')
  }
  return problems
}
