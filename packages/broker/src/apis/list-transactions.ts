import type { Handler } from '../engine.ts'
import { type Transaction, transactionStates } from '../transaction/transaction.ts'
import { wire } from '../wire-error.ts'

/** Transactional ids by state, producer, age of the transaction and pattern of the id (KIP-664, 994, 1152). */
export const answerListTransactions: Handler<'listTransactions'> = ({ transactions }, _context, request) => {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request
  const known: readonly string[] = transactionStates
  const unknownStateFilters = stateFilters.filter((state) => !known.includes(state))
  const pattern = transactionalIdPattern === null ? '' : transactionalIdPattern
  const matches = wholeMatch(pattern)
  if (matches === undefined) {
    const errorCode = wire('INVALID_REGULAR_EXPRESSION')
    return { throttleTimeMs: 0, errorCode, unknownStateFilters: [], transactionStates: [] }
  }
  const nowMs = transactions.nowMs()
  const isAsked = (found: Transaction) =>
    (producerIdFilters.length === 0 || producerIdFilters.includes(found.producerId)) &&
    (stateFilters.length === 0 || stateFilters.includes(found.state)) &&
    (durationFilter < 0 || nowMs - found.startMs > durationFilter) &&
    matches(found.transactionalId)
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    unknownStateFilters,
    transactionStates: transactions
      .all()
      .filter(isAsked)
      .map(({ transactionalId, producerId, state }) => ({ transactionalId, producerId, transactionState: state })),
  }
}

/** undefined for a pattern that is none. */
function wholeMatch(pattern: string): ((text: string) => boolean) | undefined {
  if (pattern === '') return () => true
  try {
    const regex = new RegExp(`^(?:${pattern})$`)
    return (text) => regex.test(text)
  } catch {
    return undefined
  }
}
