import type { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'

/** Room for any number or literal: `-1.2345678901234567e-300` is 24. */
export const SCALAR_BYTES_MAX = 32

/** Anything that JSON escapes, or that takes more than a byte. */
const notPlain = /[^ !#-[\]-~]/

/**
 * Writes JSON values where the generated encoders meet them. The caller has reserved `SCALAR_BYTES_MAX` and the units
 * of a string; what
 * needs more reserves it, and `spare` besides, for what comes behind it.
 */
export class JsonValueWriter {
  /**
   * Writes at `p` and gives the position behind, or -1 where the value must be left to JSON.stringify as part of its
   * whole.
   */
  write(into: ByteWriter, p: number, value: unknown, spare: number): number {
    switch (typeof value) {
      case 'string':
        return this.#string(into, p, value, spare)
      case 'number':
        return this.#number(into.bytes, p, value)
      case 'boolean':
        return value ? ascii(into.bytes, p, 'true') : ascii(into.bytes, p, 'false')
      case 'object':
        return value === null ? ascii(into.bytes, p, 'null') : this.#nested(into, p, value, spare)
      default:
        return -1 // undefined and functions leave out the key; a bigint throws
    }
  }

  #string(into: ByteWriter, from: number, text: string, spare: number): number {
    const b = into.bytes
    const size = text.length
    let p = from
    b[p++] = 34
    if (size > 48) {
      if (notPlain.test(text)) return slow(into, from, JSON.stringify(text), spare)
      p += b.latin1Write(text, p)
    } else {
      for (let i = 0; i < size; i++) {
        const c = text.charCodeAt(i)
        if (c < 32 || c > 126 || c === 34 || c === 92) return slow(into, from, JSON.stringify(text), spare)
        b[p++] = c
      }
    }
    b[p++] = 34
    return p
  }

  #number(b: Buffer, p: number, value: number): number {
    if ((value | 0) === value && value > -1_000_000_000 && value < 1_000_000_000) {
      if (value >= 0) return digits(b, p, value)
      b[p] = 45
      return digits(b, p + 1, -value)
    }
    if (value >= 1_000_000_000 && value < 1e15 && Number.isInteger(value)) {
      const high = Math.floor(value / 100_000_000)
      const behind = digits(b, p, high)
      let low = value - high * 100_000_000
      for (let at = behind + 7; at >= behind; at--) {
        const next = Math.floor(low / 10)
        b[at] = 48 + low - next * 10
        low = next
      }
      return behind + 8
    }
    if (value > -1_000_000 && value < 1_000_000) {
      const rounded = Math.round(value * 1000)
      if (rounded / 1000 === value) return thousandths(b, p, rounded)
    }
    return ascii(b, p, Number.isFinite(value) ? String(value) : 'null')
  }

  #nested(into: ByteWriter, p: number, value: object, spare: number): number {
    // JSON.stringify hands toJSON the key it stands under, which it would not know here.
    if ('toJSON' in value) return -1
    let text: string | undefined
    try {
      text = JSON.stringify(value)
    } catch {
      return -1 // the whole value says better what is wrong
    }
    return text === undefined ? -1 : slow(into, p, text, spare)
  }
}

/** A whole number from 0 below 2^31. */
function digits(b: Buffer, p: number, value: number): number {
  let end = p + 1
  for (let rest = value; rest > 9; rest = (rest / 10) | 0) end++
  let rest = value
  for (let at = end - 1; at >= p; at--) {
    const next = (rest / 10) | 0
    b[at] = 48 + rest - next * 10
    rest = next
  }
  return end
}

/**
 * A number of thousandths, not a whole number, as `String` writes it: prices and percents, without the search for the
 * shortest decimal
 * that names a double. Two decimals of at most 15 digits never name the same double, so the one found is the shortest.
 */
function thousandths(b: Buffer, p: number, value: number): number {
  let rest = Math.abs(value)
  if (value < 0) b[p++] = 45
  const whole = (rest / 1000) | 0
  let at = digits(b, p, whole)
  rest -= whole * 1000
  b[at++] = 46
  for (let place = 100; rest > 0; place = (place / 10) | 0) {
    const digit = (rest / place) | 0
    b[at++] = 48 + digit
    rest -= digit * place
  }
  return at
}

function ascii(b: Buffer, p: number, text: string): number {
  for (let i = 0; i < text.length; i++) b[p + i] = text.charCodeAt(i)
  return p + text.length
}

function slow(into: ByteWriter, p: number, text: string, spare: number): number {
  into.position = p
  into.utf8(text)
  const behind = into.position
  into.reserve(spare)
  into.position = behind
  return behind
}
