import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listedDifferences } from './exchange/listed.ts'

test('docs/differences.md and the list that the suite goes by name the same differences', () => {
  const page = readFileSync(new URL('../../../docs/differences.md', import.meta.url), 'utf8')
  const headings = page.split('\n').flatMap((line) => (line.startsWith('## ') ? [line.slice(3)] : []))
  expect([...new Set(listedDifferences.map(({ id }) => id))].toSorted()).toEqual(headings.toSorted())
})
