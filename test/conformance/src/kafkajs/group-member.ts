import kafkajs from 'kafkajs'

/**
 * One member of a consumer group, as a process of its own, to be killed: `group-member.js <broker> <group> <topic>`.
 * Says its partitions whenever they change, and each record it got.
 */
const [broker, groupId, topic] = process.argv.slice(2)
if (broker === undefined || groupId === undefined || topic === undefined) {
  throw new Error('group-member.js <broker> <group> <topic>')
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const kafka = new kafkajs.Kafka({ clientId: 'member', brokers: [broker], logLevel: kafkajs.logLevel.NOTHING })
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
