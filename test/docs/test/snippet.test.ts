import { describe, expect, test } from 'vitest'
import { withTables } from '../src/option-tables.ts'
import { readSnippets } from '../src/snippet.ts'

const fence = '```'

describe('snippets of a page', () => {
  test('have the file, the run and the output that the comment right above them names', () => {
    const page = [
      '<!-- file: app.ts, run -->',
      `${fence}ts`,
      'run()',
      fence,
      '',
      '<!-- output -->',
      `${fence}text`,
      'ran',
      fence,
    ]
    expect(readSnippets('a.md', page.join('\n'))).toEqual([
      { page: 'a.md', line: 3, language: 'ts', text: 'run()\n', file: 'app.ts', run: true, output: false },
      { page: 'a.md', line: 8, language: 'text', text: 'ran\n', file: undefined, run: false, output: true },
    ])
  })

  test('have no marks when the comment stands further up', () => {
    const page = ['<!-- run -->', '', `${fence}sh`, 'ls', fence]
    expect(readSnippets('a.md', page.join('\n'))).toMatchObject([{ run: false, file: undefined }])
  })

  test('a misspelt mark and a fence without an end are errors with their place', () => {
    expect(() => readSnippets('a.md', ['<!-- runs -->', `${fence}sh`, fence].join('\n'))).toThrow(/a\.md:1: "runs"/)
    expect(() => readSnippets('a.md', ['text', `${fence}ts`].join('\n'))).toThrow(/a\.md:2: this fence never ends/)
  })
})

describe('tables of a page', () => {
  const tables = new Map([['options', '| a |\n']])

  test('are put between their marks, whatever stood there', () => {
    const page = '<!-- table: options -->\nold\n<!-- /table -->\nrest'
    const written = '<!-- table: options -->\n\n| a |\n\n<!-- /table -->\nrest'
    expect(withTables(page, tables)).toBe(written)
    expect(withTables(written, tables)).toBe(written)
  })

  test('that nobody makes are an error', () => {
    expect(() => withTables('<!-- table: option -->\n<!-- /table -->', tables)).toThrow(/no table is called option/)
  })
})
