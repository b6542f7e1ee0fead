import { Buffer } from 'node:buffer'

/** The text of a value as Postgres reads it for a type; null for SQL's NULL; undefined when the type cannot hold it. */
export type ColumnText = (value: unknown) => string | null | undefined

/**
 * A type that may be written into a statement: a name, at most with sizes. Anything else is refused, so nothing
 * can be smuggled in.
 */
const typeForm = new RegExp(
  [
    '^([a-z][a-z0-9_]*(?: (?:precision|varying|with time zone|without time zone))?)',
    '(?: ?\\( ?\\d+ ?(?:, ?\\d+ ?)?\\))?',
    '(?: (?:with|without) time zone)?(\\[\\])?$',
  ].join(''),
)

/** How values become text for a type; undefined for a type that this sink does not write. */
export function columnTypeOf(type: string): ColumnText | undefined {
  const match = typeForm.exec(type.trim().toLowerCase())
  if (match === null) return undefined
  const text = textByType.get(match[1]!) ?? anyText
  return match[2] === undefined ? orNull(text) : orNull(arrayText(text))
}

function orNull(text: ColumnText): ColumnText {
  return (value) => (value === null || value === undefined ? null : text(value))
}

const wholeNumber = /^[-+]?\d+$/
const someNumber = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/

function whole(least: bigint, most: bigint): ColumnText {
  const [low, high] = [Number(least), Number(most)]
  return (value) => {
    if (typeof value === 'number') {
      return Number.isInteger(value) && value >= low && value <= high && Number.isSafeInteger(value)
        ? String(value)
        : undefined
    }
    const isWhole = typeof value === 'bigint' || (typeof value === 'string' && wholeNumber.test(value))
    if (!isWhole) return undefined
    const exact = BigInt(value)
    return exact >= least && exact <= most ? String(exact) : undefined
  }
}

function decimal(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return typeof value === 'string' && someNumber.test(value) ? value : undefined
}

function truth(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? 't' : 'f'
  return value === 'true' || value === 'false' ? value : undefined
}

/** A whole number is milliseconds since 1970; text must be ISO 8601. */
function time(): ColumnText {
  let last = Number.NaN
  let lastText = ''
  let lastGiven = ''
  return (value) => {
    if (value === lastGiven) return value // rows of an hour or a day come together
    if (typeof value === 'string') {
      if (!/^\d{4}-\d{2}-\d{2}/.test(value) || Number.isNaN(Date.parse(value))) return undefined
      lastGiven = value
      return value
    }
    const ms = value instanceof Date ? value.getTime() : value
    if (typeof ms !== 'number' || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return undefined
    if (ms !== last) {
      lastText = yearOfPostgres(new Date(ms).toISOString())
      last = ms
    }
    return lastText
  }
}

/** `+012345-…` is ISO's way of writing years past 9999; Postgres takes them without the sign. */
function yearOfPostgres(iso: string): string {
  return iso.startsWith('+') ? iso.slice(1) : iso
}

function anyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.includes('\0') ? undefined : value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString()
  return value instanceof Uint8Array ? undefined : json(value)
}

/** Postgres stores no NUL in text or jsonb. */
function json(value: unknown): string | undefined {
  const text = JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? Number(part) : part))
  return text === undefined || text.includes('\\u0000') ? undefined : text
}

function hex(value: unknown): string | undefined {
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : undefined
}

function uuid(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(value) ? value : undefined
}

function arrayText(item: ColumnText): ColumnText {
  return (value) => {
    if (!Array.isArray(value)) return undefined
    const texts: string[] = []
    for (const part of value) {
      const text = part === null || part === undefined ? null : item(part)
      if (text === undefined) return undefined
      texts.push(text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`)
    }
    return `{${texts.join(',')}}`
  }
}

const smallint = whole(-32_768n, 32_767n)
const integer = whole(-2_147_483_648n, 2_147_483_647n)
const bigint = whole(-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n)

/** Types whose values are looked at before Postgres is; it judges the rest. */
const textByType = new Map<string, ColumnText>([
  ['smallint', smallint],
  ['int2', smallint],
  ['integer', integer],
  ['int', integer],
  ['int4', integer],
  ['bigint', bigint],
  ['int8', bigint],
  ['real', decimal],
  ['float4', decimal],
  ['double precision', decimal],
  ['float8', decimal],
  ['numeric', decimal],
  ['decimal', decimal],
  ['boolean', truth],
  ['bool', truth],
  ['timestamp', time()],
  ['timestamp with time zone', time()],
  ['timestamp without time zone', time()],
  ['timestamptz', time()],
  ['date', time()],
  ['json', json],
  ['jsonb', json],
  ['bytea', hex],
  ['uuid', uuid],
])
