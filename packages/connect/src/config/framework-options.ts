import type { OptionSchema } from '@millrace/connect-api'

type Options = Readonly<Record<string, OptionSchema>>

/**
 * Options every connector has. Kafka Connect's names; where a default differs from Kafka's, the description says
 * so.
 */
export const commonOptions: Options = {
  name: { type: 'string', description: 'The connector, as in the REST path.' },
  connector: { type: 'string', description: 'Short name of the kind of connector, for example file-source.' },
  'connector.class': { type: 'string', description: "The same, by Kafka Connect's class name." },
  'tasks.max': { type: 'integer', minimum: 1, default: 1, description: 'At most so many tasks.' },
  'key.converter': {
    type: 'string',
    default: 'string',
    description: 'json, string, bytes, integer, long, double or windowed.',
  },
  'key.converter.schemas.enable': { type: 'boolean' },
  'key.converter.inner': { type: 'string', description: 'Of a windowed key: the converter of the key within.' },
  'key.converter.window.size.ms': { type: 'integer', minimum: 1, description: 'Of a windowed key.' },
  'value.converter': { type: 'string', default: 'json', description: 'json, string, bytes, integer, long or double.' },
  'value.converter.schemas.enable': { type: 'boolean' },
  'errors.tolerance': {
    enum: ['none', 'all'],
    default: 'none',
    description:
      'none: a bad record fails the task. all: it is counted, dead-lettered where a topic is named, and passed over.',
  },
  'errors.deadletterqueue.topic.name': {
    type: 'string',
    minLength: 1,
    description: 'Where bad records go. Sources too.',
  },
  'errors.deadletterqueue.topic.replication.factor': { type: 'integer', minimum: 1 },
  'errors.deadletterqueue.context.headers.enable': {
    type: 'boolean',
    default: true,
    description: 'Headers __connect.errors.* on dead letters. On by default, unlike Kafka.',
  },
  'errors.retry.timeout': {
    type: 'integer',
    minimum: -1,
    default: -1,
    description: 'Milliseconds to keep trying when a system cannot be reached; -1, the default here: for ever.',
  },
  'errors.retry.delay.max.ms': {
    type: 'integer',
    minimum: 1,
    default: 10_000,
    description: 'Longest pause between two tries.',
  },
  'errors.log.enable': { type: 'boolean', default: false },
  'errors.log.include.messages': { type: 'boolean', default: false },
  'restart.delay.max.ms': {
    type: 'integer',
    minimum: 1,
    default: 60_000,
    description: 'Longest pause before a failed task restarts.',
  },
  'restart.max': {
    type: 'integer',
    minimum: -1,
    default: -1,
    description: 'Restarts of a failed task in a row; -1: no bound.',
  },
  'exactly.once.support': {
    enum: ['disabled', 'required'],
    default: 'disabled',
    description:
      'required: what a crash repeats is not written twice. A source writes records and positions in one transaction ' +
      '(Kafka has that for sources alone: KIP-618), which ends every offset.flush.interval.ms; a sink keeps its ' +
      'positions with what it wrote, and one that cannot is refused.',
  },
  'offset.flush.interval.ms': {
    type: 'integer',
    minimum: 1,
    default: 1000,
    description: 'Between two commits of positions.',
  },
}

export const sourceOptions: Options = {
  'topic.creation.default.partitions': { type: 'integer', minimum: 1 },
  'topic.creation.default.replication.factor': { type: 'integer', minimum: 1 },
  'producer.override.acks': { enum: ['all', '-1', '0', '1', -1, 0, 1] },
  'producer.override.linger.ms': { type: 'integer', minimum: 0 },
  'producer.override.batch.size': { type: 'integer', minimum: 1 },
  'producer.override.buffer.memory': { type: 'integer', minimum: 1 },
  'producer.override.compression.type': { enum: ['none', 'gzip', 'snappy', 'lz4', 'zstd'] },
  'transaction.timeout.ms': {
    type: 'integer',
    minimum: 1000,
    default: 60_000,
    description: 'Of a source under exactly-once: a transaction open for longer is aborted, and the task starts again.',
  },
  'idle.interval.ms': {
    type: 'integer',
    minimum: 1,
    default: 100,
    description: 'Pause after a poll that found nothing.',
  },
}

export const sourcePatterns: Options = {
  '^topic\\.creation\\.default\\..+$': {
    type: ['string', 'number', 'boolean'],
    description: 'A config of topics that the source creates: topic.creation.default.retention.ms',
  },
}

export const sinkOptions: Options = {
  topics: {
    anyOf: [
      { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } },
      { type: 'string', minLength: 1 },
    ],
    description: 'The topics to read: a list, or text with commas.',
  },
  'batch.bytes.max': {
    type: 'integer',
    minimum: 1,
    default: 4_194_304,
    description: 'Record bytes given to the sink at a time.',
  },
  'consumer.override.group.id': { type: 'string', minLength: 1, description: 'Default: connect-<name>.' },
  'consumer.override.auto.offset.reset': { enum: ['earliest', 'latest', 'none'], default: 'earliest' },
  'consumer.override.isolation.level': {
    enum: ['read_uncommitted', 'read_committed'],
    default: 'read_committed',
    description: 'Records of transactions are written once they are committed. Kafka: read_uncommitted.',
  },
  'consumer.override.session.timeout.ms': { type: 'integer', minimum: 1 },
  'consumer.override.heartbeat.interval.ms': { type: 'integer', minimum: 1 },
  'consumer.override.max.poll.interval.ms': { type: 'integer', minimum: 1 },
  'consumer.override.max.partition.fetch.bytes': { type: 'integer', minimum: 1 },
  'consumer.override.fetch.max.wait.ms': { type: 'integer', minimum: 0 },
}
