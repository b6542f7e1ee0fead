import type { ConfigProblem } from '@millrace/connect-api'
import { configError, MillraceError } from '@millrace/kernel'

/** A connector's config is refused: every problem at once, each with its option, value and fix. */
export class ConnectorConfigError extends MillraceError {
  override readonly name = 'ConnectorConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(connector: string, problems: readonly ConfigProblem[]) {
    const lines = problems.map(lineOf)
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    super('CONFIG', `connector ${connector}: its config has ${count}\n${lines.map((line) => `  - ${line}`).join('\n')}`)
    this.problems = problems
  }
}

function lineOf({ option, problem, value, fix }: ConfigProblem): string {
  if (value !== undefined) return configError(option, problem, value, fix).message
  return `${option}: ${problem}${fix === undefined ? '' : `. ${fix}`}`
}
