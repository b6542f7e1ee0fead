import type { Buffer } from 'node:buffer'
import { Speculation } from './json-speculation.ts'
import { type TextShape, textShape } from './json-text-shape.ts'
import { bail, JsonValueReader } from './json-value-reader.ts'

type Decode = (bytes: Buffer, from: number, to: number) => unknown

/**
 * `JSON.parse` of UTF-8 bytes that speculates on the shape it has seen: a generated function compares the bytes
 * between the values (keys,
 * punctuation, spaces) and reads the values in place. Whatever does not fit, and every text that is not JSON, goes to
 * JSON.parse itself.
 */
export class JsonDecoder {
  readonly speculation = new Speculation<Decode>()
  readonly #reader = new JsonValueReader()

  /** @throws SyntaxError of JSON.parse. */
  decode(bytes: Buffer, from: number, to: number): unknown {
    const { shapes } = this.speculation
    for (let i = 0; i < shapes.length; i++) {
      const value = shapes[i]!(bytes, from, to)
      if (value === bail) continue
      this.speculation.hit(i)
      return value
    }
    return this.#parse(bytes, from, to)
  }

  #parse(bytes: Buffer, from: number, to: number): unknown {
    if (bytes[from] !== 123) {
      const value = this.#reader.value(bytes, from, to)
      if (value !== bail && this.#reader.at === to) return value
    }
    const value: unknown = JSON.parse(bytes.utf8Slice(from, to))
    if (typeof value === 'object' && value !== null && this.speculation.miss()) {
      const shape = textShape(bytes, from, to)
      if (shape !== undefined) this.speculation.learnt(generated(shape, this.#reader))
    }
    return value
  }
}

function generated(shape: TextShape, reader: JsonValueReader): Decode {
  const lines: string[] = []
  shape.literals.forEach((literal, i) => {
    const last = i === shape.literals.length - 1
    if (literal.length > 0) {
      const tests = Array.from(literal, (byte, j) => `b[p${j === 0 ? '' : ` + ${j}`}] !== ${byte}`)
      lines.push(`if (${tests.join(' || ')}) return bail`, `p += ${literal.length}`)
    }
    if (last) return
    lines.push(`const v${i} = reader.value(b, p, to)`, `if (v${i} === bail) return bail`, 'p = reader.at')
  })
  const body = `let p = from\n${lines.join('\n')}\nreturn p === to ? ${shape.template} : bail`
  return new Function('reader', 'bail', `'use strict'\nreturn (b, from, to) => {\n${body}\n}`)(reader, bail)
}
