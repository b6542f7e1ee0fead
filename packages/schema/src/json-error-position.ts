const space = /[ \t\n\r]*/y
const text = /"(?:[ !#-[\]-\uffff]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end'

/**
 * Where a text stops being JSON: the first character that cannot stand there, or its length when it ends too early.
 * For errors only: V8
 * leaves the position out of most of its messages.
 */
export function jsonErrorPosition(json: string): number {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    at += matched(space, json, at)
    if (at >= json.length) return at
    const c = json.charAt(at)
    if (expected === 'comma or end') {
      if (c === ',' && open.length > 0) expected = open.at(-1) === '{' ? 'key' : 'value'
      else if (c !== closing(open.at(-1))) return at
      else open.pop()
      at++
    } else if (expected === 'colon') {
      if (c !== ':') return at
      expected = 'value'
      at++
    } else if (expected === 'key' || expected === 'key or }') {
      const size = matched(text, json, at)
      if (size === 0 && !(expected === 'key or }' && c === '}')) return c === '"' ? json.length : at
      if (size === 0) open.pop()
      expected = size === 0 ? 'comma or end' : 'colon'
      at += Math.max(size, 1)
    } else if (c === '{' || c === '[') {
      open.push(c)
      expected = c === '{' ? 'key or }' : 'value or ]'
      at++
    } else if (c === ']' && expected === 'value or ]') {
      open.pop()
      expected = 'comma or end'
      at++
    } else {
      const size = Math.max(matched(text, json, at), matched(scalar, json, at))
      if (size === 0) return at
      expected = 'comma or end'
      at += size
    }
  }
}

function closing(open: '{' | '[' | undefined): string | undefined {
  return open === '{' ? '}' : open === '[' ? ']' : undefined
}

function matched(pattern: RegExp, json: string, at: number): number {
  pattern.lastIndex = at
  return pattern.exec(json)?.[0].length ?? 0
}
