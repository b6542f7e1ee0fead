import type { Buffer } from 'node:buffer'
import type {} from '@millrace/kernel'

/** What a reader returns when it must be left to JSON.parse. */
export const bail: unique symbol = Symbol('bail')

const powers = Array.from({ length: 23 }, (_, i) => 10 ** i)
const SLOTS = 2048
const CACHED_MAX = 24

/**
 * Reads JSON values where the generated decoders meet them. `at` is where the last one ended. Strings that come again
 * (codes, names,
 * states) are handed out from a small direct-mapped table, the others are copies: none keeps a batch's text alive.
 */
export class JsonValueReader {
  at = 0
  readonly #seen: string[] = new Array(SLOTS).fill('')

  /** The value that begins at `p`, or `bail`. Looks no further than `to`. */
  value(b: Buffer, p: number, to: number): unknown {
    const c = b[p]!
    if (c === 34) return this.#string(b, p + 1, to)
    if (c === 45 || (c >= 48 && c <= 57)) return this.#number(b, p, to)
    if (c === 116) return b[p + 1] === 114 && b[p + 2] === 117 && b[p + 3] === 101 ? this.#ends(true, p + 4) : bail
    if (c === 110) return b[p + 1] === 117 && b[p + 2] === 108 && b[p + 3] === 108 ? this.#ends(null, p + 4) : bail
    if (c === 102) {
      const rest = b[p + 1] === 97 && b[p + 2] === 108 && b[p + 3] === 115 && b[p + 4] === 101
      return rest ? this.#ends(false, p + 5) : bail
    }
    return c === 123 || c === 91 ? this.#nested(b, p, to) : bail
  }

  #ends(value: boolean | null, at: number): boolean | null {
    this.at = at
    return value
  }

  #string(b: Buffer, from: number, to: number): string | typeof bail {
    let p = from
    let hash = 0
    let c = 0
    for (; p < to; p++) {
      c = b[p]!
      if (c === 34) break
      if (c === 92 || c < 32) return bail
      if (c > 127) return this.#wideString(b, from, p, to)
      hash = (Math.imul(hash, 31) + c) | 0
    }
    if (p >= to) return bail
    this.at = p + 1
    const size = p - from
    if (size > CACHED_MAX) return b.latin1Slice(from, p)
    const slot = (hash ^ (hash >>> 11)) & (SLOTS - 1)
    const seen = this.#seen[slot]!
    if (seen.length === size) {
      let i = 0
      while (i < size && seen.charCodeAt(i) === b[from + i]) i++
      if (i === size) return seen
    }
    const text = b.latin1Slice(from, p)
    this.#seen[slot] = text
    return text
  }

  /** A string with bytes past ASCII: the whole of it as UTF-8. */
  #wideString(b: Buffer, from: number, seen: number, to: number): string | typeof bail {
    let p = seen
    for (; p < to; p++) {
      const c = b[p]!
      if (c === 34) break
      if (c === 92 || c < 32) return bail
    }
    if (p >= to) return bail
    this.at = p + 1
    return b.utf8Slice(from, p)
  }

  /**
   * Up to 15 digits are exact in a double, and so is their division by a power of ten up to 22: one rounding, the
   * right one.
   */
  #number(b: Buffer, from: number, to: number): number | typeof bail {
    let p = from
    const negative = b[p] === 45
    if (negative) p++
    const first = p
    let value = 0
    let c = b[p]!
    for (; c >= 48 && c <= 57 && p < to; c = b[++p]!) value = value * 10 + (c - 48)
    let digits = p - first
    if (digits === 0 || (digits > 1 && b[first] === 48)) return bail
    if (c === 46 && p < to) {
      const point = p
      c = b[++p]!
      for (; c >= 48 && c <= 57 && p < to; c = b[++p]!) value = value * 10 + (c - 48)
      const fraction = p - point - 1
      digits += fraction
      if (fraction === 0) return bail
      if (digits <= 15) value /= powers[fraction]!
    }
    this.at = p
    if (p < to && (c === 101 || c === 69)) return this.#exponent(b, from, to)
    if (digits > 15) return Number(b.latin1Slice(from, p))
    return negative ? -value : value
  }

  #exponent(b: Buffer, from: number, to: number): number | typeof bail {
    let p = this.at + 1
    if (b[p] === 43 || b[p] === 45) p++
    const first = p
    while (p < to && b[p]! >= 48 && b[p]! <= 57) p++
    if (p === first) return bail
    this.at = p
    return Number(b.latin1Slice(from, p))
  }

  /** An object or array that no shape was learnt for: cut out by its brackets and parsed. */
  #nested(b: Buffer, from: number, to: number): unknown {
    let depth = 0
    let p = from
    for (; p < to; p++) {
      const c = b[p]!
      if (c === 34) p = stringEnd(b, p, to)
      else if (c === 123 || c === 91) depth++
      else if ((c === 125 || c === 93) && --depth === 0) break
    }
    if (p >= to) return bail
    this.at = p + 1
    try {
      return JSON.parse(b.utf8Slice(from, p + 1))
    } catch {
      return bail // the whole text says better what is wrong
    }
  }
}

/** The closing quote of the string that opens at `p`. */
function stringEnd(b: Buffer, p: number, to: number): number {
  let at = p + 1
  while (at < to && b[at] !== 34) at += b[at] === 92 ? 2 : 1
  return at
}
