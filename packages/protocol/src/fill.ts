import type { Buffer } from 'node:buffer'
import { type ApiName, type Direction, fieldsOf, type MessageOf } from './apis.ts'
import { defaultsOf, type Field, type Fields, type Shape } from './fields.ts'

/** `T` with any field left out, at any depth. A list is given whole, its items may be partial. */
export type Partially<T> = T extends Buffer
  ? T
  : T extends readonly (infer I)[]
    ? readonly Partially<I>[]
    : T extends object
      ? { readonly [K in keyof T]?: Partially<T[K]> | undefined }
      : T

/**
 * Completes a message with Kafka's defaults, at every depth. Makes new objects all the way down: for code that is not
 * hot.
 *
 * @example send('metadata', fill('metadata', 'request', { topics: [{ name: 'orders' }] }))
 */
export function fill<A extends ApiName, D extends Direction>(
  api: A,
  direction: D,
  partial: Partially<MessageOf<A, D>>,
): MessageOf<A, D> {
  return complete(fieldsOf(api, direction), partial) as MessageOf<A, D>
}

/** A message in which nothing is set. Shared and frozen. */
export function emptyMessage<A extends ApiName, D extends Direction>(api: A, direction: D): MessageOf<A, D> {
  return defaultsOf(fieldsOf(api, direction)) as MessageOf<A, D>
}

function complete(fields: Fields, partial: object): object {
  const given = new Map<string, unknown>(Object.entries(partial))
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) value[name] = completeField(field, given.get(name))
  return value
}

function completeField(field: Field<unknown>, given: unknown): unknown {
  return given === undefined ? field.default : completeShape(field.shape, given)
}

function completeShape(shape: Shape, given: unknown): unknown {
  if (shape.kind === 'struct' && typeof given === 'object' && given !== null) return complete(shape.fields, given)
  if (shape.kind === 'list' && Array.isArray(given)) return given.map((item) => completeShape(shape.item, item))
  return given
}
