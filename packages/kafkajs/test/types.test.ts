import * as ours from '@millrace/kafkajs'
import * as theirs from 'kafkajs'
import { expect, test } from 'vitest'

/** What stands here compiles, or the types are not kafkajs's any more. */
const brokers = ['localhost:9092']

/** A program that is typed against kafkajs, and given ours. */
const typedAgainstTheirs = {
  kafka: (config: theirs.KafkaConfig): theirs.Kafka => new ours.Kafka(config),
  admin: (kafka: ours.Kafka): theirs.Admin => kafka.admin(),
  producer: (kafka: ours.Kafka, config: theirs.ProducerConfig): theirs.Producer => kafka.producer(config),
  consumer: (kafka: ours.Kafka, config: theirs.ConsumerConfig): theirs.Consumer => kafka.consumer(config),
  assigner: (make: theirs.PartitionAssigner): ours.PartitionAssigner => make,
  logger: (kafka: ours.Kafka): theirs.Logger => kafka.logger(),
  partitioner: (): theirs.ICustomPartitioner => ours.Partitioners.DefaultPartitioner,
  batch: (batch: ours.Batch): theirs.Batch => batch,
  message: (message: ours.KafkaMessage): theirs.KafkaMessage => message,
  error: (error: ours.KafkaJSProtocolError): theirs.KafkaJSProtocolError => error,
  gaveUp: (error: ours.KafkaJSNumberOfRetriesExceeded): theirs.KafkaJSNumberOfRetriesExceeded => error,
}

/** What a program written for kafkajs hands over. */
const handedOver = {
  send: (producer: ours.Producer, record: theirs.ProducerRecord, batch: theirs.ProducerBatch) =>
    Promise.all([producer.send(record), producer.sendBatch(batch)]),
  handlers: (consumer: ours.Consumer, one: theirs.EachMessageHandler, many: theirs.EachBatchHandler) =>
    Promise.all([consumer.run({ eachMessage: one }), consumer.run({ eachBatch: many })]),
  subscriptions: (consumer: ours.Consumer, to: theirs.ConsumerSubscribeTopics) => consumer.subscribe(to),
  listeners: (consumer: ours.Consumer, joined: (event: theirs.ConsumerGroupJoinEvent) => void) =>
    consumer.on(consumer.events.GROUP_JOIN, joined),
  crashes: (consumer: ours.Consumer, crashed: (event: theirs.ConsumerCrashEvent) => void) =>
    consumer.on('consumer.crash', crashed),
  offsets: (transaction: ours.Transaction, offsets: theirs.Offsets) =>
    transaction.sendOffsets({ consumerGroupId: 'g', ...offsets }),
  topics: (admin: ours.Admin, topics: theirs.ITopicConfig[]) => admin.createTopics({ topics }),
  creator: (logCreator: theirs.logCreator) => new ours.Kafka({ brokers, logCreator, logLevel: theirs.logLevel.ERROR }),
}

/** Values that kafkajs has as enums serve as values and as types. */
const compression: ours.CompressionTypes = ours.CompressionTypes.ZSTD
const level: ours.logLevel = ours.logLevel.NOTHING

test('programs typed against kafkajs compile with ours', () => {
  const kafka = typedAgainstTheirs.kafka({ brokers, logLevel: theirs.logLevel.NOTHING })
  expect(kafka.admin().events.CONNECT).toBe('admin.connect')
  expect([compression, level, Object.keys(handedOver).length]).toEqual([4, 0, 8])
})
