import type { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'
import type { Observable } from 'rxjs'

/**
 * Serdes and functions as the topology holds them. Their types were checked against one another by the DSL, where they
 * met; a node is data and carries no type parameters. Declared as methods, which compare their parameters both ways: a
 * `Serde<string>` is one of these without a cast.
 */
export interface AnySerde {
  readonly name: string
  readonly validates?: boolean | undefined
  read(bytes: Buffer, from: number, to: number): unknown
  write(value: unknown, into: ByteWriter): void
  readonly fromText?: ((text: string) => unknown) | undefined
  readonly toText?: { call(value: unknown): string }['call'] | undefined
}

/** `(value, key) => …` of a user. */
export type AnyFunction = { call(value: unknown, key: unknown): unknown }['call']
/** `(aggregate, value, key) => aggregate` */
export type AnyCombine = { call(aggregate: unknown, value: unknown, key: unknown): unknown }['call']
/** `(value, tableValue, key) => value` */
export type AnyJoiner = { call(value: unknown, tableValue: unknown, key: unknown): unknown }['call']
/** An operator of RxJS. */
export type AnyOperator = { call(source: Observable<unknown>): Observable<unknown> }['call']
/** `(topic, key, value, partitions) => partition` */
export type AnyPartitioner = { call(topic: string, key: unknown, value: unknown, partitions: number): number }['call']
