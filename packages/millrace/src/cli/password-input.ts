import { createInterface } from 'node:readline'
import { MillraceError } from '@millrace/kernel'

/**
 * A password that nobody sees: typed twice at a terminal without being shown, else the first line of standard input,
 * or MILLRACE_PASSWORD. Never an argument: those are shown to everybody on the machine.
 *
 * @throws CONFIG when there is none, or the two differ
 */
export async function passwordInput(user: string): Promise<string> {
  const given = process.env['MILLRACE_PASSWORD']
  if (given !== undefined && given !== '') return given
  if (!process.stdin.isTTY) return checked(await firstLine())
  const password = checked(await typed(`password of ${user}: `))
  if ((await typed('once more: ')) === password) return password
  throw new MillraceError('CONFIG', 'the two are not the same', { place: 'password', fix: 'Try again.' })
}

function checked(password: string): string {
  if (password !== '') return password
  const fix = 'Type one, write it as a line to standard input, or set MILLRACE_PASSWORD.'
  throw new MillraceError('CONFIG', 'is empty', { place: 'password', fix })
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
  }
}

/** One line of the terminal, unseen. Ctrl-C ends the process as it always does. */
function typed(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  let text = ''
  return new Promise((resolve) => {
    const end = () => {
      stdin.removeListener('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const take = (chunk: string) => {
      for (const key of chunk) {
        if (key === '\r' || key === '\n' || key === '\u0004') {
          end()
          resolve(text)
          return
        }
        if (key === '\u0003') {
          end()
          process.kill(process.pid, 'SIGINT')
          return
        }
        text = key === '\u007f' || key === '\b' ? text.slice(0, -1) : text + key
      }
    }
    stdin.on('data', take)
  })
}
