import { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'
import { badText, badValue } from './bad-value.ts'
import type { Serde } from './serde.ts'

const bytesSerde: Serde<Buffer> = Object.freeze({
  name: 'bytes',
  read(bytes: Buffer, from: number, to: number) {
    const copy = Buffer.allocUnsafeSlow(to - from)
    bytes.copy(copy, 0, from, to)
    return copy
  },
  write(value: Buffer, into: ByteWriter) {
    if (!(value instanceof Uint8Array)) throw badValue('bytes', 'a Buffer or Uint8Array', value)
    into.raw(value)
  },
  fromText(text: string) {
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text))
      throw badText('bytes', 'pairs of hexadecimal digits', text)
    return Buffer.from(text, 'hex')
  },
  toText: (value: Buffer) => Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex'),
})

/** Bytes as they are: Kafka's ByteArraySerializer. What is read is a copy. As text: hexadecimal. */
export function bytes(): Serde<Buffer> {
  return bytesSerde
}
