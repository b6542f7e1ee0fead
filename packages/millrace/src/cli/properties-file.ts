import { readFileSync } from 'node:fs'
import { MillraceError, messageOf } from '@millrace/kernel'

/**
 * A properties file, as Java reads it: `key=value` or `key: value` lines, comments after # and !, a backslash at the end
 * of a line for one that goes on, and before n, r, t and signs for the sign itself.
 *
 * @throws CONFIG for a file that cannot be read
 */
export function readProperties(path: string, option: string): Readonly<Record<string, string>> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError('CONFIG', `cannot be read: ${messageOf(error)}`, {
      place: option,
      value: path,
      cause: error,
    })
  }
  return parseProperties(text)
}

export function parseProperties(text: string): Readonly<Record<string, string>> {
  const properties: [string, string][] = []
  const whole = text.replaceAll(/(?<!\\)((?:\\\\)*)\\\r?\n[ \t\f]*/g, '$1')
  for (const line of whole.split(/\r?\n/)) {
    const trimmed = line.replace(/^[ \t\f]+/, '')
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!')) continue
    const parts = /^((?:[^\\:= \t\f]|\\.)+)[ \t\f]*[:=]?[ \t\f]*(.*)$/.exec(trimmed)
    if (parts !== null) properties.push([unescaped(parts[1]!), unescaped(parts[2]!)])
  }
  return Object.fromEntries(properties)
}

const signs: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' }

function unescaped(text: string): string {
  return text.replaceAll(/\\(u[0-9a-fA-F]{4}|.)/g, (_, sign: string) => {
    return sign.length === 5 ? String.fromCharCode(Number.parseInt(sign.slice(1), 16)) : (signs[sign] ?? sign)
  })
}
