import { Buffer } from 'node:buffer'
import { ByteWriter, kafkaError } from '@millrace/kernel'
import { MalformedVarint, readVarint, varintEnd } from './varint.ts'

/** A header as it stands in a record: the value is a window on the batch. */
export interface DecodedHeader {
  readonly key: string
  readonly value: Buffer | null
}

/**
 * Headers as they stand in a record: `count varint, { keyLength varint, key, valueLength varint (-1: null), value } …`.
 * Encode what is the same for many records once. Text is written as UTF-8.
 */
export function encodeHeaders(
  headers: readonly { readonly key: string; readonly value: Uint8Array | string | null }[],
): Buffer {
  const out = new ByteWriter(64)
  out.varint(headers.length)
  for (const { key, value } of headers) {
    text(out, key)
    if (value === null) out.varint(-1)
    else if (typeof value === 'string') text(out, value)
    else out.varint(value.length).raw(value)
  }
  return out.take()
}

function text(out: ByteWriter, value: string): void {
  out.varint(Buffer.byteLength(value)).utf8(value)
}

/**
 * The headers in `bytes[from, to)`, in order; keys may repeat. @throws CORRUPT_MESSAGE when they do not fill it
 * exactly.
 */
export function decodeHeaders(bytes: Buffer, from: number, to: number): DecodedHeader[] {
  const headers: DecodedHeader[] = []
  walkHeaders(bytes, from, to, (keyFrom, keyTo, valueFrom, valueTo) => {
    headers.push({
      key: bytes.utf8Slice(keyFrom, keyTo),
      value: valueFrom < 0 ? null : bytes.subarray(valueFrom, valueTo),
    })
  })
  return headers
}

/** Where each header's key and value lie; `valueFrom` -1 for null. @throws CORRUPT_MESSAGE */
export function walkHeaders(
  bytes: Buffer,
  from: number,
  to: number,
  visit: (keyFrom: number, keyTo: number, valueFrom: number, valueTo: number) => void,
): void {
  try {
    const count = readVarint(bytes, from, to)
    let at = varintEnd()
    if (count < 0) throw new MalformedVarint(`The header count is ${count}.`)
    for (let i = 0; i < count; i++) {
      const keyFrom = readLength(bytes, at, to, 0)
      const keyTo = keyFrom + lengthRead
      const valueFrom = readLength(bytes, keyTo, to, -1)
      at = lengthRead < 0 ? valueFrom : valueFrom + lengthRead
      visit(keyFrom, keyTo, lengthRead < 0 ? -1 : valueFrom, at)
    }
    if (at !== to) throw new MalformedVarint(`${to - at} bytes are left over after the headers.`)
  } catch (error) {
    if (!(error instanceof MalformedVarint)) throw error
    throw kafkaError('CORRUPT_MESSAGE', `headers at byte ${from}`, error.message)
  }
}

let lengthRead = 0

/** Reads a length into `lengthRead` and returns where its bytes begin. */
function readLength(bytes: Buffer, at: number, to: number, least: number): number {
  lengthRead = readVarint(bytes, at, to)
  const begin = varintEnd()
  if (lengthRead < least || begin + lengthRead > to) {
    throw new MalformedVarint(`A header at byte ${at} claims ${lengthRead} bytes.`)
  }
  return begin
}
