import { codeOf, MillraceError } from '@millrace/kernel'

/** Several things that were refused at once, one line each. */
export class Refusals extends MillraceError {
  override readonly name = 'Refusals'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super('CONFIG', lines.join('; '))
    this.lines = lines
  }
}

/** One line for each problem on standard error; with `verbose` also where in the program, and what caused it. */
export function reportError(error: unknown, verbose: boolean): void {
  const lines = error instanceof Refusals ? error.lines : [errorLine(error)]
  process.stderr.write(lines.map((line) => `error: ${line}\n`).join(''))
  if (!verbose) return
  for (let at = error; at instanceof Error; at = at.cause) process.stderr.write(`${at.stack ?? at.message}\n`)
}

/** Our own errors say everything themselves; of others, the causes are often the news. */
export function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = error.message === '' ? (codeOf(error) ?? error.name) : error.message
  const cause = error instanceof MillraceError || error.cause === undefined ? '' : ` <- ${errorLine(error.cause)}`
  return `${text.replaceAll(/\s*\n\s*/g, ' ')}${cause}`
}
