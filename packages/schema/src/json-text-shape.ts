import type { Buffer } from 'node:buffer'

const FIELDS_MAX = 64
const DEPTH_MAX = 4

/**
 * What stays the same between records of one shape: the bytes between the values. A text is `literals[0] value
 * literals[1] value …
 * literals[n]`; `template` is the JavaScript expression that builds the object from `v0 … v(n-1)`.
 */
export interface TextShape {
  readonly literals: readonly Buffer[]
  readonly template: string
}

/**
 * The shape of a text that JSON.parse took. Undefined where there is none to learn: no object, no or too many fields,
 * keys that repeat.
 */
export function textShape(bytes: Buffer, from: number, to: number): TextShape | undefined {
  return new ShapeReader(bytes, from, to).shape()
}

class ShapeReader {
  readonly #bytes: Buffer
  readonly #to: number
  readonly #literals: Buffer[] = []
  #p: number
  #literalFrom: number
  #fits = true

  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#p = from
    this.#literalFrom = from
    this.#to = to
  }

  shape(): TextShape | undefined {
    this.#space()
    if (this.#bytes[this.#p] !== 123) return undefined
    const template = this.#object(0)
    const last = this.#cut(this.#to)
    const values = this.#literals.length
    if (!this.#fits || values === 0 || values > FIELDS_MAX) return undefined
    return { literals: [...this.#literals, last], template }
  }

  #object(depth: number): string {
    const parts: string[] = []
    const keys = new Set<string>()
    this.#p++
    this.#space()
    while (this.#p < this.#to && this.#bytes[this.#p] !== 125 && this.#literals.length <= FIELDS_MAX) {
      const keyFrom = this.#p
      this.#skipString()
      const key: unknown = JSON.parse(this.#bytes.utf8Slice(keyFrom, this.#p))
      if (typeof key !== 'string' || key === '__proto__' || keys.has(key)) this.#fits = false
      else keys.add(key)
      this.#space()
      this.#p++ // the colon
      this.#space()
      parts.push(`${JSON.stringify(key)}: ${this.#value(depth)}`)
      this.#space()
      if (this.#bytes[this.#p] === 44) this.#p++
      this.#space()
    }
    this.#p++
    return `{ ${parts.join(', ')} }`
  }

  #value(depth: number): string {
    if (this.#bytes[this.#p] === 123 && depth < DEPTH_MAX && !this.#isEmptyObject()) return this.#object(depth + 1)
    this.#literals.push(this.#cut(this.#p))
    this.#skipValue()
    this.#literalFrom = this.#p
    return `v${this.#literals.length - 1}`
  }

  #cut(end: number): Buffer {
    return this.#bytes.subarray(this.#literalFrom, end)
  }

  #isEmptyObject(): boolean {
    let p = this.#p + 1
    while (isSpace(this.#bytes[p])) p++
    return this.#bytes[p] === 125
  }

  #space(): void {
    while (this.#p < this.#to && isSpace(this.#bytes[this.#p])) this.#p++
  }

  #skipString(): void {
    this.#p++
    while (this.#p < this.#to && this.#bytes[this.#p] !== 34) this.#p += this.#bytes[this.#p] === 92 ? 2 : 1
    this.#p++
  }

  #skipValue(): void {
    let depth = 0
    while (this.#p < this.#to) {
      const c = this.#bytes[this.#p]
      if (c === 34) this.#skipString()
      else if (depth === 0 && (c === 44 || c === 125 || isSpace(c))) return
      else {
        if (c === 123 || c === 91) depth++
        if (c === 125 || c === 93) depth--
        this.#p++
      }
      if (depth === 0 && (c === 34 || c === 125 || c === 93)) return
    }
  }
}

function isSpace(c: number | undefined): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9
}
