import { configError } from '@millrace/kernel'
import type { OptionSchema } from './config-schema.ts'
import type { SinkBatch } from './sink.ts'

/**
 * Where a sink's column or field takes its value from, as its config says:
 *
 * - `key`, `key.origin`: the key, or a field of it; of a windowed key the key within. `value`, `value.flights`
 * likewise.
 * - `window.start`, `window.end`: of a windowed key, milliseconds since 1970.
 * - `timestamp`, `offset`, `partition`, `topic`: of the record.
 */
export interface FieldSource {
  readonly from: string
  /** Text is cut at each of these, and `part` is taken: `ATL~ORD` by `~`, part 1, is `ORD`. */
  readonly split?: string | undefined
  readonly part?: number | undefined
}

/** Reads a field of record `i`; undefined where the record has none. */
export type FieldReader = (batch: SinkBatch, i: number) => unknown

/** Properties for a config schema whose items are `FieldSource`s. */
export const fieldSourceProperties: Readonly<Record<string, OptionSchema>> = {
  from: {
    type: 'string',
    minLength: 1,
    description:
      'key, key.<field>, value, value.<field>, window.start, window.end, timestamp, offset, partition or topic. ' +
      'Default: value.<name>',
  },
  split: { type: 'string', minLength: 1, description: 'Cut text at each of these and take `part`.' },
  part: { type: 'integer', minimum: 0, description: 'Which part of the cut text, from 0.' },
}

/**
 * Makes the reader once, so that a record costs no parsing of names.
 *
 * @throws CONFIG naming `option` for a source that does not exist.
 */
export function fieldReader(source: FieldSource, option: string): FieldReader {
  const read = wholeReader(source.from, option)
  const { split, part } = source
  if (split === undefined) {
    if (part === undefined) return read
    throw configError(`${option}.part`, 'needs split beside it', part, 'Say where the text is cut.')
  }
  return (batch, i) => {
    const value = read(batch, i)
    return typeof value === 'string' ? value.split(split)[part ?? 0] : undefined
  }
}

function wholeReader(from: string, option: string): FieldReader {
  const dot = from.indexOf('.')
  const head = dot < 0 ? from : from.slice(0, dot)
  const path = dot < 0 ? [] : from.slice(dot + 1).split('.')
  if (path.every((name) => name !== '')) {
    if (head === 'value') return (batch, i) => walk(batch.values[i], path)
    if (head === 'key') return (batch, i) => walk(innerKey(batch.keys[i]), path)
    if (from === 'window.start') return (batch, i) => startOf(batch.keys[i])
    if (from === 'window.end') return (batch, i) => endOf(batch.keys[i])
    if (from === 'timestamp') return (batch, i) => batch.timestamps[i]
    if (from === 'offset') return (batch, i) => batch.offsets[i]
    if (from === 'partition') return (batch, i) => batch.placeOf(i).partition
    if (from === 'topic') return (batch, i) => batch.placeOf(i).topic
  }
  throw configError(
    option,
    'is no part of a record',
    from,
    'Use key, key.<field>, value.<field>, window.start or timestamp.',
  )
}

function walk(start: unknown, path: readonly string[]): unknown {
  let value = start
  for (let i = 0; i < path.length; i++) {
    if (!isObject(value)) return undefined
    value = value[path[i]!]
  }
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

interface WindowedKey {
  readonly key: unknown
  readonly start: number
  readonly end: number
}

/** The shape the windowed converter reads. */
function isWindowed(key: unknown): key is WindowedKey {
  return isObject(key) && typeof key['start'] === 'number' && typeof key['end'] === 'number' && 'key' in key
}

const startOf = (key: unknown) => (isWindowed(key) ? key.start : undefined)
const endOf = (key: unknown) => (isWindowed(key) ? key.end : undefined)
const innerKey = (key: unknown) => (isWindowed(key) ? key.key : key)
