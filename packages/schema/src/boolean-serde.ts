import type { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'
import { badBytes, badText, badValue } from './bad-value.ts'
import type { Serde } from './serde.ts'

const booleanSerde: Serde<boolean> = Object.freeze({
  name: 'boolean',
  read(bytes: Buffer, from: number, to: number) {
    const byte = bytes[from]
    if (to - from !== 1) throw badBytes('boolean', `1 byte wanted, met ${to - from}`, from)
    if (byte !== 0 && byte !== 1) throw badBytes('boolean', `0 or 1 wanted, met ${byte}`, from)
    return byte === 1
  },
  write(value: boolean, into: ByteWriter) {
    if (typeof value !== 'boolean') throw badValue('boolean', 'true or false', value)
    into.int8(value ? 1 : 0)
  },
  fromText(text: string) {
    if (text !== 'true' && text !== 'false') throw badText('boolean', 'true or false', text)
    return text === 'true'
  },
  toText: String,
})

/** One byte, 0 or 1: Kafka's BooleanSerializer. */
export function boolean(): Serde<boolean> {
  return booleanSerde
}
