/** A fenced block of a page, and what the comment above it asks for. */
export interface Snippet {
  /** The page, from the root of the repository. */
  readonly page: string
  /** Of the first line inside the fence, from 1. */
  readonly line: number
  /** `ts`, `json`, `sh`, `text` or whatever stands after the fence. */
  readonly language: string
  readonly text: string
  /** Where the snippet is put in the page's folder: `<!-- file: app.ts -->`. */
  readonly file: string | undefined
  /** Whether it is run: `<!-- run -->`, alone or after a file. */
  readonly run: boolean
  /** Its lines must stand in what the last snippet that ran has printed: `<!-- output -->`. */
  readonly output: boolean
}

const comment = /^<!--\s*(.+?)\s*-->$/
const fence = /^(`{3,})(\w*)\s*$/

/**
 * The fenced blocks of a page, in order. A comment counts for the block right below it:
 *
 *     <!-- file: app.ts, run -->
 *     ```ts
 *
 * @throws an error naming the line for a comment that is nearly a mark, or a fence that never ends.
 */
export function readSnippets(page: string, markdown: string): Snippet[] {
  const lines = markdown.split('\n')
  const snippets: Snippet[] = []
  for (let i = 0; i < lines.length; i++) {
    const opened = fence.exec(lines[i]!)
    if (opened === null) continue
    const [, ticks = '', language = ''] = opened
    const end = lines.indexOf(ticks, i + 1)
    if (end < 0) throw new Error(`${page}:${i + 1}: this fence never ends`)
    const mark = readMark(`${page}:${i}`, comment.exec(lines[i - 1] ?? '')?.[1])
    snippets.push({ page, line: i + 2, language, text: `${lines.slice(i + 1, end).join('\n')}\n`, ...mark })
    i = end
  }
  return snippets
}

function readMark(place: string, text: string | undefined): Pick<Snippet, 'file' | 'run' | 'output'> {
  let file: string | undefined
  let run = false
  let output = false
  for (const word of text?.split(',').map((part) => part.trim()) ?? []) {
    const named = /^file: ([\w.-]+)$/.exec(word)?.[1]
    if (named !== undefined) file = named
    else if (word === 'run') run = true
    else if (word === 'output') output = true
    else if (!word.startsWith('table: ') && !word.startsWith('/table')) {
      throw new Error(`${place}: "${word}" is no mark of a snippet; known are file: NAME, run, output`)
    }
  }
  return { file, run, output }
}
