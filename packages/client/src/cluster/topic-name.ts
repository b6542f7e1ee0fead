import { kafkaError } from '@millrace/kernel'

/**
 * Refuses a name that no topic can have, before anybody is asked. As Kafka's Topic.validate: 1 to 249 of `a-zA-Z0-9._-`, not `.` or `..`.
 *
 * @throws INVALID_TOPIC_EXCEPTION
 */
export function assertTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return
  const rule = 'A topic name has 1 to 249 of the characters a-z, A-Z, 0-9, ".", "_" and "-", and is not "." or "..".'
  throw kafkaError('INVALID_TOPIC_EXCEPTION', `topic "${name}"`, rule)
}
