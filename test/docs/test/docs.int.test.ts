import fs from 'node:fs'
import path from 'node:path'
import { parseConnectorFile } from '@millrace/connect'
import { ConnectorRegistry, checkConfig } from '@millrace/connect/internal'
import { fileSink, fileSource } from '@millrace/connector-file'
import { postgresSink } from '@millrace/connector-postgres'
import { nodeDisk } from '@millrace/kernel/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { optionTables, withTables } from '../src/option-tables.ts'
import { pageNames, readPage, root, snippetsOf } from '../src/pages.ts'
import { ReaderFolder } from '../src/reader-folder.ts'

const pages = pageNames().map((page) => ({ page, snippets: snippetsOf(page) }))
const folder = new ReaderFolder()

beforeAll(() => {
  for (const { snippets } of pages) folder.take(snippets)
})

afterAll(() => folder.remove())

test('every snippet of TypeScript compiles against the doors of the packages', async () => {
  expect(await folder.typeCheck()).toEqual({ exitCode: 0, output: '' })
})

const running = pages.filter(({ snippets }) => snippets.some(({ run }) => run))

test.concurrent.each(running)('$page does what it says, from top to bottom', async ({ snippets }) => {
  let printed = ''
  for (const snippet of snippets) {
    const place = `${snippet.page}:${snippet.line}`
    if (snippet.run) {
      const { exitCode, output } = await folder.run(snippet)
      expect(exitCode, `${place}\n${output}`).toBe(0)
      printed = output
    }
    if (!snippet.output) continue
    for (const line of snippet.text.trim().split('\n')) expect(printed, place).toContain(line.trim())
  }
})

const json = pages.flatMap(({ snippets }) => snippets.filter(({ language }) => language === 'json'))

test.each(json)('$page:$line is JSON, and a connector only if its options exist', ({ page, line, text }) => {
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null || !('config' in parsed)) return
  const { name, config } = parseConnectorFile(text, `${page}:${line}`)
  const registry = new ConnectorRegistry([fileSource, fileSink, postgresSink])
  const environment = { DATABASE_URL: 'postgres://localhost/test' }
  const disk = { ...nodeDisk(), exists: () => true }
  checkConfig(name, config, { registry, environment, disk, resolvePath: (file) => file })
})

test('the tables of options are those that `node test/docs/dist/main.js --write` writes', async () => {
  const tables = await optionTables()
  for (const { page } of pages) expect(readPage(page), page).toBe(withTables(readPage(page), tables))
})

test('every link to a file of the repository leads somewhere', () => {
  const broken = pages.flatMap(({ page }) => {
    const targets = [...readPage(page).matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(
      ([, target = '']) => target,
    )
    return targets
      .filter((target) => !fs.existsSync(path.join(root, path.dirname(page), target)))
      .map((target) => `${page}: ${target}`)
  })
  expect(broken).toEqual([])
})
