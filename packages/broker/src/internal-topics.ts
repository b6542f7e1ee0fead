/** Where groups and their offsets are kept. */
export const offsetsTopic = '__consumer_offsets'

/** Where transactional ids and their transactions are kept. */
export const transactionsTopic = '__transaction_state'

const internalTopics: ReadonlySet<string> = new Set([offsetsTopic, transactionsTopic])

/** Written by the broker alone. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}
