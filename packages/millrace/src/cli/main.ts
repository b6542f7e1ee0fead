import { CommanderError } from 'commander'
import { reportError } from './command-errors.ts'
import { millraceCommand } from './millrace-command.ts'
import { watchOutputReader } from './output-reader.ts'

/** What `millrace` runs. Exit codes: 0 done, 1 an error, 2 a command line that makes no sense, 130 a second Ctrl-C. */
async function main(args: readonly string[]): Promise<void> {
  watchOutputReader()
  try {
    await millraceCommand().parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
      return
    }
    reportError(error, args.includes('--verbose'))
    process.exitCode = 1
  }
}

await main(process.argv.slice(2))
