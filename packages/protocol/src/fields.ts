import { Buffer } from 'node:buffer'
import { noVersions, type VersionRange, type Versions, versionRange } from './versions.ts'

/** How one value lies on the wire. `records` are batch bytes that no codec looks into. */
export type Primitive =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'

export type Shape =
  | { readonly kind: Primitive }
  | { readonly kind: 'struct'; readonly fields: Fields }
  | { readonly kind: 'list'; readonly item: Shape }

/** One row of a message table. `T` is the type of its value, known from `default`. */
export interface Field<T> {
  readonly shape: Shape
  /** Versions that carry the field. */
  readonly versions: VersionRange
  /** Versions in which it may be null. */
  readonly nullable: VersionRange
  /** Number in the tag section of the message, in the versions that carry it there. */
  readonly tag: number | undefined
  /** May be left out, although it is set, towards a version that lacks it. */
  readonly ignorable: boolean
  /** The value where a version lacks the field. */
  readonly default: T
  /** An int64 whose greatest wire value stands for "no limit" and reads as `Number.MAX_SAFE_INTEGER`. */
  readonly saturates: boolean
  /** What does not fit 53 bits is read as the nearest number that does: both are past every place there is. */
  readonly clamps: boolean
}

/** A message table: fields in the order of the wire. */
export type Fields = { readonly [name: string]: Field<unknown> }

/** The value of a message table. */
export type ValueOf<F extends Fields> = { readonly [K in keyof F]: F[K]['default'] }

interface Options {
  readonly tag?: number
  readonly ignorable?: true
}
interface Plain<T> extends Options {
  readonly default?: T
}
interface Nullable<T> extends Options {
  readonly nullable: Versions
  readonly default?: T | null
}

/** The id that stands for "none": sixteen zero bytes. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'
const noBytes = Buffer.alloc(0)

export function bool(versions: Versions, options: Plain<boolean> = {}): Field<boolean> {
  return field({ kind: 'bool' }, versions, options, false)
}
export function int8(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'int8' }, versions, options, 0)
}
export function int16(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'int16' }, versions, options, 0)
}
export function uint16(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'uint16' }, versions, options, 0)
}
export function int32(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'int32' }, versions, options, 0)
}
/** A safe integer in 64 bits. */
export function int64(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'int64' }, versions, options, 0)
}
/** A double. */
export function float64(versions: Versions, options: Plain<number> = {}): Field<number> {
  return field({ kind: 'float64' }, versions, options, 0)
}
/** An int64 that is "no limit" by default. */
export function int64Limit(versions: Versions, options: Options = {}): Field<number> {
  return { ...field({ kind: 'int64' }, versions, options, Number.MAX_SAFE_INTEGER), saturates: true }
}
/**
 * An int64 that a peer may choose as it likes, such as a place in a log or the id of a producer: what does not fit is
 * read as the nearest number that does, for an answer that says so of this field.
 */
export function int64Any(versions: Versions, options: Plain<number> = {}): Field<number> {
  return { ...int64(versions, options), clamps: true }
}
/** Sixteen bytes, as 22 characters of URL-safe base64. */
export function uuid(versions: Versions, options: Options = {}): Field<string> {
  return field({ kind: 'uuid' }, versions, options, zeroUuid)
}
/** Batches as the log stores them. */
export function records(versions: Versions, options: Options & { readonly nullable: Versions }): Field<Buffer | null> {
  return field<Buffer | null>({ kind: 'records' }, versions, options, null)
}

export function string(versions: Versions, options: Nullable<string>): Field<string | null>
export function string(versions: Versions, options?: Plain<string>): Field<string>
export function string(versions: Versions, options: Plain<string> | Nullable<string> = {}): Field<string | null> {
  return field<string | null>({ kind: 'string' }, versions, options, '')
}

export function bytes(versions: Versions, options: Nullable<Buffer>): Field<Buffer | null>
export function bytes(versions: Versions, options?: Plain<Buffer>): Field<Buffer>
export function bytes(versions: Versions, options: Plain<Buffer> | Nullable<Buffer> = {}): Field<Buffer | null> {
  return field<Buffer | null>({ kind: 'bytes' }, versions, options, noBytes)
}

/** A struct in place. One that may be null has a byte in front that says so. */
export function struct<F extends Fields>(
  versions: Versions,
  fields: F,
  options: Nullable<ValueOf<F>>,
): Field<ValueOf<F> | null>
export function struct<F extends Fields>(versions: Versions, fields: F, options?: Options): Field<ValueOf<F>>
export function struct<F extends Fields>(
  versions: Versions,
  fields: F,
  options: Options | Nullable<ValueOf<F>> = {},
): Field<ValueOf<F> | null> {
  return field<ValueOf<F> | null>({ kind: 'struct', fields }, versions, options, defaultsOf(fields))
}

type ListOptions<T> = Plain<readonly T[]> | Nullable<readonly T[]>

/** Any number of structs. */
export function list<F extends Fields>(
  versions: Versions,
  fields: F,
  options: Nullable<readonly ValueOf<F>[]>,
): Field<readonly ValueOf<F>[] | null>
export function list<F extends Fields>(
  versions: Versions,
  fields: F,
  options?: Plain<readonly ValueOf<F>[]>,
): Field<readonly ValueOf<F>[]>
export function list<F extends Fields>(
  versions: Versions,
  fields: F,
  options: ListOptions<ValueOf<F>> = {},
): Field<readonly ValueOf<F>[] | null> {
  const item: Shape = { kind: 'struct', fields }
  return field<readonly ValueOf<F>[] | null>({ kind: 'list', item }, versions, options, [])
}

/** Any number of int8. */
export function int8s(versions: Versions, options: Plain<readonly number[]> = {}): Field<readonly number[]> {
  return field<readonly number[]>({ kind: 'list', item: { kind: 'int8' } }, versions, options, [])
}

/** Any number of int64, each read as `int64Any` is. */
export function int64s(versions: Versions, options: Plain<readonly number[]> = {}): Field<readonly number[]> {
  const shape: Shape = { kind: 'list', item: { kind: 'int64' } }
  return { ...field<readonly number[]>(shape, versions, options, []), clamps: true }
}

/** Any number of int32. */
export function int32s(versions: Versions, options: Nullable<readonly number[]>): Field<readonly number[] | null>
export function int32s(versions: Versions, options?: Plain<readonly number[]>): Field<readonly number[]>
export function int32s(versions: Versions, options: ListOptions<number> = {}): Field<readonly number[] | null> {
  return field<readonly number[] | null>({ kind: 'list', item: { kind: 'int32' } }, versions, options, [])
}

/** Any number of strings. */
export function strings(versions: Versions, options: Nullable<readonly string[]>): Field<readonly string[] | null>
export function strings(versions: Versions, options?: Plain<readonly string[]>): Field<readonly string[]>
export function strings(versions: Versions, options: ListOptions<string> = {}): Field<readonly string[] | null> {
  return field<readonly string[] | null>({ kind: 'list', item: { kind: 'string' } }, versions, options, [])
}

/** The value of a table in which nothing is set. Shared and frozen: copy before changing. */
export function defaultsOf<F extends Fields>(fields: F): ValueOf<F> {
  const value = Object.fromEntries(Object.entries(fields).map(([name, row]) => [name, row.default]))
  return Object.freeze(value) as ValueOf<F>
}

interface AnyOptions<T> extends Options {
  readonly nullable?: Versions
  readonly default?: T
}

function field<T>(shape: Shape, versions: Versions, options: AnyOptions<T>, fallback: T): Field<T> {
  return {
    shape,
    versions: versionRange(versions),
    nullable: options.nullable === undefined ? noVersions : versionRange(options.nullable),
    tag: options.tag,
    ignorable: options.ignorable ?? false,
    default: options.default === undefined ? fallback : options.default,
    saturates: false,
    clamps: false,
  }
}
