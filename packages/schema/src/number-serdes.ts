import type { Buffer } from 'node:buffer'
import { type ByteWriter, readInt64 } from '@millrace/kernel'
import { badBytes, badText, badValue } from './bad-value.ts'
import type { Serde } from './serde.ts'

const numberSerde: Serde<number> = Object.freeze({
  name: 'number',
  read(bytes: Buffer, from: number, to: number) {
    sizeMustBe(8, 'number', from, to)
    return bytes.readDoubleBE(from)
  },
  write(value: number, into: ByteWriter) {
    if (typeof value !== 'number') throw badValue('number', 'a number', value)
    into.float64(value)
  },
  fromText: (text: string) => numberFromText(text, 'number', Number.isFinite),
  toText: String,
})

const integerSerde: Serde<number> = Object.freeze({
  name: 'integer',
  read(bytes: Buffer, from: number, to: number) {
    sizeMustBe(4, 'integer', from, to)
    return bytes.readInt32BE(from)
  },
  write(value: number, into: ByteWriter) {
    if ((value | 0) !== value) throw badValue('integer', 'a whole number from -2147483648 to 2147483647', value)
    into.int32(value)
  },
  fromText: (text: string) => numberFromText(text, 'integer', (value) => (value | 0) === value),
  toText: String,
})

const longSerde: Serde<number> = Object.freeze({
  name: 'long',
  read(bytes: Buffer, from: number, to: number) {
    sizeMustBe(8, 'long', from, to)
    try {
      return readInt64(bytes, from)
    } catch (cause) {
      throw badBytes('long', 'the 64-bit integer does not fit a JavaScript number (±2^53)', from, cause)
    }
  },
  write(value: number, into: ByteWriter) {
    if (!Number.isSafeInteger(value)) throw badValue('long', 'a whole number within ±(2^53 - 1)', value)
    into.int64(value)
  },
  fromText: (text: string) => numberFromText(text, 'long', Number.isSafeInteger),
  toText: String,
})

/** A number as 8 bytes, IEEE 754 double, big-endian: Kafka's DoubleSerializer. NaN and the infinities are kept. */
export function number(): Serde<number> {
  return numberSerde
}

/** A whole number as 4 bytes, two's complement, big-endian: Kafka's IntegerSerializer. */
export function integer(): Serde<number> {
  return integerSerde
}

/** A whole number as 8 bytes, two's complement, big-endian: Kafka's LongSerializer, within ±(2^53 - 1). */
export function long(): Serde<number> {
  return longSerde
}

function sizeMustBe(size: number, serde: string, from: number, to: number): void {
  if (to - from !== size) throw badBytes(serde, `${size} bytes wanted, met ${to - from}`, from)
}

function numberFromText(text: string, serde: string, fits: (value: number) => boolean): number {
  const value = Number(text)
  if (text.trim() === '' || !fits(value)) throw badText(serde, serde === 'number' ? 'a number' : `a ${serde}`, text)
  return value
}
