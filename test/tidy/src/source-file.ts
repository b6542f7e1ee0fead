import fs from 'node:fs'
import path from 'node:path'

/** A TypeScript file with what the checks look at. */
export interface SourceFile {
  /** From the root of the tree, with slashes. */
  readonly path: string
  /** `kernel`, `connector-file`, `examples`, `test`. */
  readonly owner: string
  readonly isTest: boolean
  readonly lines: readonly string[]
  /** The text with comments and the contents of strings blanked, line for line. */
  readonly code: string
  readonly imports: readonly string[]
  /** Modules that are started rather than imported: `new URL('./worker.js', import.meta.url)`. */
  readonly started: readonly string[]
}

const roots = ['packages', 'connectors', 'examples', 'test'] as const

export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = []
  for (const group of roots) {
    for (const unit of directoriesIn(path.join(root, group))) {
      for (const part of ['src', 'test']) {
        for (const file of typescriptIn(path.join(root, group, unit, part))) {
          files.push(parse(path.relative(root, file).split(path.sep).join('/'), fs.readFileSync(file, 'utf8')))
        }
      }
    }
  }
  return files
}

export function parse(file: string, text: string): SourceFile {
  const [group = '', unit = '', part = ''] = file.split('/')
  const code = blank(text)
  return {
    path: file,
    owner: group === 'packages' ? unit : group === 'connectors' ? `connector-${unit}` : group,
    isTest: part === 'test',
    lines: text.split('\n'),
    code,
    imports: specifiers(text, code, /(?<![.\w])(?:from|import)\s+(['"])|(?<![.\w])import\s*\(\s*(['"])/g),
    started: startedModules(text, code),
  }
}

/** Names of modules inside `new URL(…)`, whatever chooses between them. */
function startedModules(text: string, code: string): string[] {
  return [...code.matchAll(/\bnew\s+URL\(/g)].flatMap(({ index }) => {
    const call = text.slice(index, code.indexOf('\n', index))
    return [...call.matchAll(/['"](\.\.?\/[^'"]+\.[jt]s)['"]/g)].map(([, name = '']) => name)
  })
}

/**
 * Finds quotes in the blanked code, so that quoted examples in comments do not count, and reads what they hold from
 * the text.
 */
function specifiers(text: string, code: string, pattern: RegExp): string[] {
  const found: string[] = []
  for (const match of code.matchAll(pattern)) {
    const from = match.index + match[0].length
    const to = code.indexOf(match[1] ?? match[2] ?? "'", from)
    if (to > from) found.push(text.slice(from, to))
  }
  return found
}

/** Blanks comments, strings and template text; keeps quotes, `${…}` and line breaks where they are. */
export function blank(text: string): string {
  const out = text.split('')
  const templates: number[] = []
  let depth = 0
  let at = 0
  const wipe = (to: number): void => {
    for (; at < to && at < out.length; at++) if (out[at] !== '\n') out[at] = ' '
  }
  const quoted = (quote: string): void => {
    at++
    while (at < text.length && text[at] !== quote) {
      if (quote === '`' && text.startsWith('${', at)) {
        templates.push(depth)
        at += 2
        return
      }
      wipe(at + (text[at] === '\\' ? 2 : 1))
    }
    at++
  }
  while (at < text.length) {
    const char = text[at] ?? ''
    if (text.startsWith('//', at)) wipe(endOf(text, '\n', at))
    else if (text.startsWith('/*', at)) wipe(endOf(text, '*/', at + 2) + 2)
    else if (char === '/' && startsRegex(out, at)) wipe(regexEnd(text, at))
    else if (char === "'" || char === '"' || char === '`') quoted(char)
    else if (char === '}' && templates.length > 0 && depth === templates.at(-1)) {
      templates.pop()
      quoted('`')
    } else {
      if (char === '{') depth++
      if (char === '}') depth--
      at++
    }
  }
  return out.join('')
}

function startsRegex(out: readonly string[], at: number): boolean {
  let before = at - 1
  while (before >= 0 && (out[before] === ' ' || out[before] === '\n')) before--
  return before < 0 || '(,=:[!&|?{};'.includes(out[before] ?? '')
}

function regexEnd(text: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '[') inClass = true
    else if (text[at] === ']') inClass = false
    else if (text[at] === '/' && !inClass) return at + 1
    else if (text[at] === '\n') return from + 1 // it was a division
  }
  return from + 1
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from)
  return at < 0 ? text.length : at
}

function directoriesIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

function typescriptIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => path.join(folder, name))
}
