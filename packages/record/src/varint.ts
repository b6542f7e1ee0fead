import type { Buffer } from 'node:buffer'

/**
 * Zig-zag varints as plain functions of primitives. A reader answers with the value and leaves where it ended in
 * `varintEnd()`: two results without an object. Values stay small integers for as long as they fit, which is what keeps
 * the walk fast.
 */
let end = 0

/** Where the varint read last ended. */
export function varintEnd(): number {
  return end
}

/** What a varint reader throws; whoever knows the batch says where. */
export class MalformedVarint extends RangeError {
  override readonly name = 'MalformedVarint'
}

/** A zig-zag varint of 32 bits in `bytes[at, limit)`. @throws MalformedVarint past `limit` or past five bytes. */
export function readVarint(bytes: Buffer, at: number, limit: number): number {
  if (at >= limit) throw endsEarly(at)
  const first = bytes[at]!
  if (first < 0x80) {
    end = at + 1
    return (first >>> 1) ^ -(first & 1)
  }
  if (at + 1 < limit) {
    const second = bytes[at + 1]!
    if (second < 0x80) {
      end = at + 2
      return (((first & 0x7f) | (second << 7)) >>> 1) ^ -(first & 1)
    }
  }
  return readLongVarint(bytes, at, limit)
}

function readLongVarint(bytes: Buffer, from: number, limit: number): number {
  let raw = 0
  let at = from
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= limit) throw endsEarly(at)
    const byte = bytes[at++]!
    raw |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      if (shift === 28 && byte > 0x0f) break
      end = at
      return (raw >>> 1) ^ -(raw & 1)
    }
  }
  throw new MalformedVarint(`The varint at byte ${from} does not fit 32 bits.`)
}

/** A zig-zag varint of 64 bits whose value is a safe integer. @throws MalformedVarint */
export function readVarlong(bytes: Buffer, at: number, limit: number): number {
  if (at + 4 <= limit) {
    const first = bytes[at]!
    if (first < 0x80) {
      end = at + 1
      return (first >>> 1) ^ -(first & 1)
    }
    const second = bytes[at + 1]!
    const low = (first & 0x7f) | ((second & 0x7f) << 7)
    if (second < 0x80) {
      end = at + 2
      return (low >>> 1) ^ -(low & 1)
    }
    const third = bytes[at + 2]!
    const raw = low | ((third & 0x7f) << 14)
    if (third < 0x80) {
      end = at + 3
      return (raw >>> 1) ^ -(raw & 1)
    }
    const fourth = bytes[at + 3]!
    if (fourth < 0x80) {
      end = at + 4
      const all = raw | (fourth << 21)
      return (all >>> 1) ^ -(all & 1)
    }
  }
  return readLongVarlong(bytes, at, limit)
}

/** In halves: the sign is the lowest bit, and a double could not hold it beside 53 others. */
function readLongVarlong(bytes: Buffer, from: number, limit: number): number {
  if (from >= limit) throw endsEarly(from)
  const negative = (bytes[from]! & 1) === 1
  let magnitude = 0
  let scale = 1
  let at = from
  for (let count = 0; count < 10; count++) {
    if (at >= limit) throw endsEarly(at)
    const byte = bytes[at++]!
    if (count === 0) {
      magnitude = (byte & 0x7f) >>> 1
      scale = 0x40
    } else {
      magnitude += (byte & 0x7f) * scale
      scale *= 0x80
    }
    if (byte < 0x80) {
      if (magnitude >= Number.MAX_SAFE_INTEGER) break
      end = at
      return negative ? -magnitude - 1 : magnitude
    }
  }
  throw new MalformedVarint(`The varlong at byte ${from} does not fit 53 bits.`)
}

/** Bytes that `value` takes as a zig-zag varint of 32 bits. */
export function varintBytes(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0
  if (raw < 0x80) return 1
  if (raw < 0x4000) return 2
  if (raw < 0x20_0000) return 3
  return raw < 0x1000_0000 ? 4 : 5
}

/** Writes a zig-zag varint of 32 bits; room for `varintBytes(value)` must be there. Returns where it ended. */
export function writeVarint(bytes: Buffer, from: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  let at = from
  while (raw > 0x7f) {
    bytes[at++] = (raw & 0x7f) | 0x80
    raw >>>= 7
  }
  bytes[at++] = raw
  return at
}

function endsEarly(at: number): MalformedVarint {
  return new MalformedVarint(`The bytes end inside a varint, at byte ${at}.`)
}
