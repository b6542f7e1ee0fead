import { Buffer } from 'node:buffer'
import { gunzipSync } from 'node:zlib'

/** A record as plain values. */
export interface PlainRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly key: string; readonly value: string | null }[]
}

/** The obvious way to read a batch: one bigint varint after another, straight from the message format's page. Hex for all bytes. */
export function slowRecords(batch: Buffer): PlainRecord[] {
  const attributes = batch.readInt16BE(21)
  const base = Number(batch.readBigInt64BE(0))
  const firstMs = Number(batch.readBigInt64BE(27))
  const maxMs = Number(batch.readBigInt64BE(35))
  const body = (attributes & 7) === 1 ? gunzipSync(batch.subarray(61)) : batch.subarray(61)
  let at = 0
  const byte = (): number => {
    if (at >= body.length) throw new Error('past the end')
    return body[at++]!
  }
  const varint = (): number => {
    let raw = 0n
    for (let shift = 0n; ; shift += 7n) {
      const next = byte()
      raw |= BigInt(next & 0x7f) << shift
      if (next < 0x80) break
    }
    return Number((raw & 1n) === 0n ? raw >> 1n : -(raw >> 1n) - 1n)
  }
  const bytesOrNull = (): string | null => {
    const size = varint()
    if (size < 0) return null
    return Buffer.from(Array.from({ length: size }, byte)).toString('hex')
  }
  return Array.from({ length: batch.readInt32BE(57) }, () => {
    const size = varint()
    const end = at + size
    byte()
    const delta = varint()
    const timestampMs = (attributes & 8) === 0 ? firstMs + delta : maxMs
    const offset = base + varint()
    const key = bytesOrNull()
    const value = bytesOrNull()
    const headers = Array.from({ length: varint() }, () => ({ key: asText(bytesOrNull() ?? ''), value: bytesOrNull() }))
    if (at !== end) throw new Error('a record does not end where it said')
    return { offset, timestampMs, key, value, headers }
  })
}

/** Bytes that are not UTF-8 become the replacement character. */
function asText(hex: string): string {
  return Buffer.from(Buffer.from(hex, 'hex').toString()).toString('hex')
}
