import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/**
 * Preloaded into a server that is measured: counts what it asks the disk to make durable, and writes the number to the
 * file in MILLRACE_BENCH_SYNCS on SIGUSR2.
 */
let count = 0
const { fdatasync } = fs
const counted: typeof fdatasync = Object.assign(
  (...args: Parameters<typeof fdatasync>) => {
    count++
    fdatasync(...args)
  },
  { __promisify__: fdatasync.__promisify__ },
)
fs.fdatasync = counted
syncBuiltinESMExports()
process.on('SIGUSR2', () => fs.writeFileSync(process.env['MILLRACE_BENCH_SYNCS'] ?? '/dev/null', `${count}\n`))
