import type { QueryAnswer } from './thread-messages.ts'

/**
 * A task that has the key knows best; one that is still restoring may have it; one that has nothing under it says
 * least.
 */
const rank: readonly QueryAnswer['kind'][] = ['value', 'windows', 'refused', 'restoring', 'missing', 'elsewhere']

/** Of what several tasks answered to one question. Each holds a part of the keys. */
export function bestAnswer(answers: readonly QueryAnswer[]): QueryAnswer {
  let best: QueryAnswer = { kind: 'elsewhere' }
  for (const answer of answers) if (rank.indexOf(answer.kind) < rank.indexOf(best.kind)) best = answer
  return best
}
