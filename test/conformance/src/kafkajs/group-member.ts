import { libraryNamed } from './library.ts'

/**
 * One member of a consumer group, as a process of its own, to be killed: `group-member.js <library> <broker> <group> <topic>`.
 * Says its partitions whenever they change, and each record it got.
 */
const [library, broker, groupId, topic] = process.argv.slice(2)
if (
  (library !== 'kafkajs' && library !== 'millrace') ||
  broker === undefined ||
  groupId === undefined ||
  topic === undefined
) {
  throw new Error('group-member.js <library> <broker> <group> <topic>')
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const { Kafka, logLevel } = libraryNamed(library)
const kafka = new Kafka({ clientId: 'member', brokers: [broker], logLevel: logLevel.NOTHING })
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: 6000,
  heartbeatInterval: 500,
  rebalanceTimeout: 5000,
  maxWaitTimeInMs: 200,
})
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  say({ partitions: payload.memberAssignment[topic] ?? [] })
})
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
await consumer.run({
  autoCommitThreshold: 1,
  eachMessage: async ({ partition, message }) => {
    say({ partition, offset: Number(message.offset), value: `${message.value}` })
  },
})
process.once('SIGTERM', () => {
  consumer.disconnect().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
