import { optionTables, withTables } from './option-tables.ts'
import { pageNames, readPage, writePage } from './pages.ts'

/** Prints the tables of options; with `--write` puts them where the pages show them. */
const tables = await optionTables()
if (process.argv.includes('--write')) {
  for (const page of pageNames()) {
    const before = readPage(page)
    const after = withTables(before, tables)
    if (after === before) continue
    writePage(page, after)
    console.log(`wrote the tables of ${page}`)
  }
} else {
  for (const [name, table] of tables) console.log(`## ${name}\n\n${table}`)
}
