import type { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'
import { badValue } from './bad-value.ts'
import type { Serde } from './serde.ts'

const stringSerde: Serde<string> = Object.freeze({
  name: 'string',
  read: (bytes: Buffer, from: number, to: number) => bytes.utf8Slice(from, to),
  write(value: string, into: ByteWriter) {
    if (typeof value !== 'string') throw badValue('string', 'a string', value)
    into.utf8(value)
  },
  fromText: (text: string) => text,
  toText: (value: string) => value,
})

/**
 * UTF-8 text, as Kafka's StringSerializer: no length, no terminator. Bytes that are not UTF-8 read as U+FFFD and a lone
 * surrogate is written as one, as Kafka does.
 */
export function string(): Serde<string> {
  return stringSerde
}
