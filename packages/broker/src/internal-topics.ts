/** Where groups and their offsets are kept. */
export const offsetsTopic = '__consumer_offsets'

const internalTopics: ReadonlySet<string> = new Set([offsetsTopic, '__transaction_state'])

/** Written by the broker alone. */
export function isInternalTopic(name: string): boolean {
  return internalTopics.has(name)
}
