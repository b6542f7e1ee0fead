import { kafkaError } from '@millrace/kernel'

/**
 * As `org.apache.kafka.common.internals.Topic`: the name and `-<partition>` make a directory of at most 255
 * characters.
 */
const topicNameMax = 249
const legal = /^[a-zA-Z0-9._-]+$/

/**
 * Kafka's rules for a topic's name.
 *
 * @param existing names that it must not collide with: `.` and `_` are the same letter in metric names.
 * @throws INVALID_TOPIC_EXCEPTION naming the rule.
 */
export function checkTopicName(name: string, existing: Iterable<string> = []): void {
  const problem = problemOf(name)
  if (problem !== undefined) throw kafkaError('INVALID_TOPIC_EXCEPTION', `topic ${JSON.stringify(name)}`, problem)
  if (!/[._]/.test(name)) return
  const folded = name.replaceAll('.', '_')
  for (const other of existing) {
    if (other !== name && other.replaceAll('.', '_') === folded) {
      const why = `It collides with topic ${JSON.stringify(other)}: "." and "_" are not told apart in metric names.`
      throw kafkaError('INVALID_TOPIC_EXCEPTION', `topic ${JSON.stringify(name)}`, why)
    }
  }
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'A name is not empty.'
  if (name === '.' || name === '..') return 'A name is not "." or "..".'
  if (name.length > topicNameMax) return `A name has at most ${topicNameMax} characters, this has ${name.length}.`
  if (!legal.test(name)) return 'A name holds only ASCII letters, digits, ".", "_" and "-".'
  return undefined
}
