import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSnippets, type Snippet } from './snippet.ts'

/** Of the repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** What a reader is told: the page at the root, those of the examples, and everything below docs/ in Markdown. */
export function pageNames(): string[] {
  const found = ['README.md']
  for (const folder of ['docs', 'examples']) {
    for (const entry of fs.readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (entry.endsWith('.md') && !entry.includes('node_modules')) found.push(path.join(folder, entry))
    }
  }
  return found.sort()
}

export function readPage(page: string): string {
  return fs.readFileSync(path.join(root, page), 'utf8')
}

export function writePage(page: string, text: string): void {
  fs.writeFileSync(path.join(root, page), text)
}

export function snippetsOf(page: string): Snippet[] {
  return readSnippets(page, readPage(page))
}
