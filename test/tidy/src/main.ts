import { fileURLToPath } from 'node:url'
import { tidy } from './tidy.ts'

const { files, complaints } = tidy(fileURLToPath(new URL('../../../', import.meta.url)))
for (const complaint of complaints) console.error(complaint)
console.log(`tidy: ${files} files, ${complaints.length} complaints`)
process.exitCode = complaints.length === 0 ? 0 : 1
