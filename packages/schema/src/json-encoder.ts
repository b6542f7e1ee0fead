import { Buffer } from 'node:buffer'
import type { ByteWriter } from '@millrace/kernel'
import { Speculation } from './json-speculation.ts'
import { JsonValueWriter, SCALAR_BYTES_MAX } from './json-value-writer.ts'

type Encode = (value: object, into: ByteWriter) => boolean

const FIELDS_MAX = 64
const DEPTH_MAX = 4

/**
 * `JSON.stringify` into UTF-8 bytes that speculates on the shape it has seen: a generated function checks class and
 * keys and writes keys and
 * values straight into the buffer. Whatever does not fit goes to JSON.stringify itself.
 */
export class JsonEncoder {
  readonly speculation = new Speculation<Encode>()
  readonly #values = new JsonValueWriter()

  /** False where JSON.stringify gives undefined: nothing is written. @throws TypeError of JSON.stringify. */
  encode(value: unknown, into: ByteWriter): boolean {
    if (typeof value === 'object' && value !== null) {
      const { shapes } = this.speculation
      for (let i = 0; i < shapes.length; i++) {
        if (!shapes[i]!(value, into)) continue
        this.speculation.hit(i)
        return true
      }
      if (this.speculation.miss() && isLearnable(value)) this.speculation.learnt(generated(value, this.#values))
    } else if (typeof value === 'number') {
      const at = into.reserve(SCALAR_BYTES_MAX)
      into.position = this.#values.write(into, at, value, 0)
      return true
    }
    const text = JSON.stringify(value)
    if (text === undefined) return false
    into.utf8(text)
    return true
  }
}

/** Ordinary objects and instances of classes; nothing that JSON.stringify has rules of its own for. */
function isLearnable(value: object): boolean {
  if (Object.prototype.toString.call(value) !== '[object Object]' || 'toJSON' in value) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.length <= FIELDS_MAX && keys.every((key) => key !== '__proto__')
}

/** Source of an encoder in the making. */
interface Draft {
  readonly checks: string[]
  readonly writes: string[]
  readonly sizes: string[]
  readonly classes: unknown[]
  readonly keys: string[][]
  objects: number
  values: number
  literal: string
  literalBytes: number
}

function generated(sample: object, values: JsonValueWriter): Encode {
  const draft: Draft = {
    checks: [],
    writes: [],
    sizes: [],
    classes: [],
    keys: [],
    objects: 0,
    values: 0,
    literal: '',
    literalBytes: 0,
  }
  draftObject(draft, sample, 'value', 0)
  writeLiteral(draft)
  const room = draft.literalBytes + draft.values * (SCALAR_BYTES_MAX + 2)
  const body = [
    ...draft.checks,
    `let room = ${room}`,
    ...draft.sizes,
    'const start = into.reserve(room)',
    'let b = into.bytes',
    'let p = start',
    ...draft.writes,
    'into.position = p',
    'return true',
  ]
  const source = `'use strict'\nreturn (value, into) => {\n${body.join('\n')}\n}`
  return new Function('values', 'classes', 'keys', 'getClass', source)(
    values,
    draft.classes,
    draft.keys,
    Object.getPrototypeOf,
  )
}

function draftObject(draft: Draft, sample: object, name: string, depth: number): void {
  const id = draft.objects++
  const entries = Object.entries(sample)
  draft.classes.push(Object.getPrototypeOf(sample))
  draft.keys.push(entries.map(([key]) => key))
  draft.checks.push(
    `if (getClass(${name}) !== classes[${id}] || ${name}.toJSON !== undefined) return false`,
    `let n${id} = 0`,
    // Text that is equal but not the same object compares slower; keys are always the same object.
    `for (const key in ${name}) if (key !== keys[${id}][n${id}++]) return false`,
    `if (n${id} !== ${entries.length}) return false`,
  )
  draft.literal += '{'
  entries.forEach(([key, part], i) => {
    draft.literal += `${i === 0 ? '' : ','}${JSON.stringify(key)}:`
    const inner = `${name}_${i}`
    draft.checks.push(`const ${inner} = ${name}[${JSON.stringify(key)}]`)
    const total = draft.values + draft.objects
    if (typeof part === 'object' && part !== null && depth < DEPTH_MAX && total < FIELDS_MAX && isLearnable(part)) {
      draft.checks.push(`if (typeof ${inner} !== 'object' || ${inner} === null) return false`)
      draftObject(draft, part, inner, depth + 1)
      return
    }
    draft.values++
    draft.sizes.push(`if (typeof ${inner} === 'string') room += ${inner}.length`)
    writeLiteral(draft)
    draft.writes.push(
      `p = values.write(into, p, ${inner}, room)`,
      'if (p < 0) { into.position = start; return false }',
      'b = into.bytes',
    )
  })
  draft.literal += '}'
}

function writeLiteral(draft: Draft): void {
  const bytes = Buffer.from(draft.literal)
  if (bytes.length === 0) return
  draft.writes.push(Array.from(bytes, (byte, i) => `b[p${i === 0 ? '' : ` + ${i}`}] = ${byte}`).join('; '))
  draft.writes.push(`p += ${bytes.length}`)
  draft.literalBytes += bytes.length
  draft.literal = ''
}
