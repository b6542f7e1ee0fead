import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'

/**
 * Stands between a test run and one Java process, so that no end of the run leaves Java behind:
 * `keeper.js <log file> <command> <argument>...`. A line `stop` on the standard input ends the process politely, `kill`
 * at once; so does the end of the input, which comes however the run has ended. Ends with its process.
 */
const [logFile, command, ...args] = process.argv.slice(2)
if (logFile === undefined || command === undefined) throw new Error('keeper.js <log file> <command> <argument>...')

const log = openSync(logFile, 'a')
const child = spawn(command, args, { stdio: ['ignore', log, log] })
child.once('error', (error) => {
  process.stderr.write(`${command}: ${error.message}\n`)
  process.exit(127)
})
child.once('exit', (code) => process.exit(code ?? 1))
process.stdout.write(`${child.pid}\n`)

let heard = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (text: string) => {
  heard += text
  if (heard.includes('kill\n')) child.kill('SIGKILL')
  else if (heard.includes('stop\n')) child.kill('SIGTERM')
})
process.stdin.once('close', () => child.kill('SIGKILL'))
// A terminal's Ctrl-C reaches everybody; the run decides, and says so through the pipe.
process.on('SIGINT', () => {})
process.once('SIGTERM', () => child.kill('SIGKILL'))
