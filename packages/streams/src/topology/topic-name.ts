import { configError } from '@millrace/kernel'

/** Kafka's rule for topic names, and ours for what becomes part of one. @throws CONFIG naming `option`. */
export function checkTopicName(option: string, name: string): void {
  const fix = 'Use 1 to 249 letters, digits, dots, underscores and hyphens.'
  if (typeof name !== 'string' || !/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw configError(option, 'is not a name that Kafka allows for a topic', name, fix)
  }
}
