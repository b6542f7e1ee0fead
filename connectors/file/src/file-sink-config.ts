import {
  type CheckContext,
  type ConfigProblem,
  type ConfigSchema,
  fieldReader,
  fieldSourceProperties,
} from '@millrace/connect-api'
import { messageOf } from '@millrace/kernel'

/** One field of a line and where it comes from. */
export interface LineField {
  readonly name: string
  /** @default `value.<name>` */
  readonly from?: string | undefined
  readonly split?: string | undefined
  readonly part?: number | undefined
  /** How a number that is a time is written. @default iso for window.start, window.end and timestamp; else as it is */
  readonly as?: 'iso' | 'iso-date' | 'epoch-ms' | undefined
}

export interface FileSinkConfig {
  readonly path: string
  readonly format: 'jsonl' | 'lines'
  readonly fields?: readonly LineField[] | undefined
  readonly 'tasks.max': number
}

export const fileSinkSchema: ConfigSchema = {
  required: ['path'],
  properties: {
    path: { type: 'string', minLength: 1, description: 'The file to append to; made where missing.' },
    format: {
      enum: ['jsonl', 'lines'],
      default: 'jsonl',
      description: 'jsonl: a line of JSON a record. lines: the value as text.',
    },
    fields: {
      type: 'array',
      minItems: 1,
      description: 'Fields of a line, in order. Default: the value as it is.',
      items: {
        type: 'object',
        required: ['name'],
        additionalProperties: false,
        properties: {
          name: { type: 'string', minLength: 1 },
          ...fieldSourceProperties,
          as: {
            enum: ['iso', 'iso-date', 'epoch-ms'],
            description: 'How a time is written: 2001-01-01T05:00:00.000Z, 2001-01-01, or as ms since 1970.',
          },
        },
      },
    },
  },
}

/** What the schema cannot say. */
export function checkFileSink(config: FileSinkConfig, context: CheckContext): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (config['tasks.max'] > 1) {
    const fix = 'Set tasks.max to 1: one task writes one file.'
    problems.push({ option: 'tasks.max', problem: 'is more than a file takes', value: config['tasks.max'], fix })
  }
  const path = context.resolvePath(config.path)
  const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')))
  if (!context.disk.exists(parent)) {
    problems.push({
      option: 'path',
      problem: `lies in a folder that does not exist: ${parent}`,
      value: config.path,
      fix: 'Make the folder.',
    })
  }
  if (config.fields !== undefined && config.format === 'lines') {
    problems.push({ option: 'fields', problem: 'needs the format jsonl', fix: 'Set format to jsonl.' })
  }
  for (const [i, { name, from, split, part }] of (config.fields ?? []).entries()) {
    try {
      fieldReader({ from: from ?? `value.${name}`, split, part }, `fields[${i}].from`)
    } catch (error) {
      problems.push({ option: `fields[${i}]`, problem: messageOf(error) })
    }
  }
  return problems
}
