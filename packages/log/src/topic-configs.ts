import { kafkaError, nearest } from '@millrace/kernel'

export type TopicConfigType = 'boolean' | 'int' | 'long' | 'double' | 'string' | 'list'

/** One topic config as Kafka 4.x knows it (clients/…/common/config/TopicConfig.java, storage/…/LogConfig.java). */
export interface TopicConfigEntry {
  readonly name: string
  readonly type: TopicConfigType
  /** As text, as Kafka reports it. */
  readonly default: string
  /** The broker-wide setting that gives the default. */
  readonly serverName: string
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly doc: string
}

const intMax = 2_147_483_647
const longMax = '9223372036854775807'
const dayMs = 86_400_000

const table = [
  entry('cleanup.policy', 'list', 'delete', 'log.cleanup.policy', {
    oneOf: ['delete', 'compact'],
    doc: 'Old segments are deleted, or the latest value of each key is kept; or both.',
  }),
  entry('compression.gzip.level', 'int', '-1', 'compression.gzip.level', { min: -1, max: 9, doc: 'Level of gzip.' }),
  entry('compression.lz4.level', 'int', '9', 'compression.lz4.level', { min: 1, max: 17, doc: 'Level of lz4.' }),
  entry('compression.type', 'string', 'producer', 'compression.type', {
    oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    doc: "The topic's own codec; `producer` keeps what the producer chose.",
  }),
  entry('compression.zstd.level', 'int', '3', 'compression.zstd.level', {
    min: -131_072,
    max: 22,
    doc: 'Level of zstd.',
  }),
  entry('delete.retention.ms', 'long', String(dayMs), 'log.cleaner.delete.retention.ms', {
    min: 0,
    doc: 'How long tombstones of a compacted topic stay readable.',
  }),
  entry('file.delete.delay.ms', 'long', '60000', 'log.segment.delete.delay.ms', {
    min: 0,
    doc: 'How long a file marked as deleted stays on disk.',
  }),
  entry('flush.messages', 'long', longMax, 'log.flush.interval.messages', {
    min: 1,
    doc: 'Syncs after so many records whatever the acks.',
  }),
  entry('flush.ms', 'long', longMax, 'log.flush.interval.ms', {
    min: 0,
    doc: 'Syncs after this time whatever the acks.',
  }),
  entry('index.interval.bytes', 'int', '4096', 'log.index.interval.bytes', {
    min: 0,
    doc: 'Bytes of log between two entries of the offset index.',
  }),
  entry('local.retention.bytes', 'long', '-2', 'log.local.retention.bytes', {
    min: -2,
    doc: 'Tiered storage only; stored, without effect.',
  }),
  entry('local.retention.ms', 'long', '-2', 'log.local.retention.ms', {
    min: -2,
    doc: 'Tiered storage only; stored, without effect.',
  }),
  entry('max.compaction.lag.ms', 'long', longMax, 'log.cleaner.max.compaction.lag.ms', {
    min: 1,
    doc: 'Longest time that a record of a compacted topic stays uncompacted.',
  }),
  entry('max.message.bytes', 'int', '1048588', 'message.max.bytes', {
    min: 0,
    doc: 'Largest batch, after compression.',
  }),
  entry('message.timestamp.after.max.ms', 'long', '3600000', 'log.message.timestamp.after.max.ms', {
    min: 0,
    doc: "How far a record's timestamp may lie in the future.",
  }),
  entry('message.timestamp.before.max.ms', 'long', longMax, 'log.message.timestamp.before.max.ms', {
    min: 0,
    doc: "How far a record's timestamp may lie in the past.",
  }),
  entry('message.timestamp.type', 'string', 'CreateTime', 'log.message.timestamp.type', {
    oneOf: ['CreateTime', 'LogAppendTime'],
    doc: "The producer's time, or the time of the append.",
  }),
  entry('min.cleanable.dirty.ratio', 'double', '0.5', 'log.cleaner.min.cleanable.ratio', {
    min: 0,
    max: 1,
    doc: 'Share of a compacted log that must be uncompacted before the cleaner takes it.',
  }),
  entry('min.compaction.lag.ms', 'long', '0', 'log.cleaner.min.compaction.lag.ms', {
    min: 0,
    doc: 'Shortest time that a record of a compacted topic stays uncompacted.',
  }),
  entry('min.insync.replicas', 'int', '1', 'min.insync.replicas', { min: 1, doc: 'Replicas that must have a record.' }),
  entry('preallocate', 'boolean', 'false', 'log.preallocate', {
    oneOf: ['false'],
    doc: 'Only false: the room of a segment is taken as it grows.',
  }),
  entry('remote.storage.enable', 'boolean', 'false', 'remote.log.storage.system.enable', {
    oneOf: ['false'],
    doc: 'Tiered storage; only false.',
  }),
  entry('retention.bytes', 'long', '-1', 'log.retention.bytes', {
    min: -1,
    doc: 'Size a partition is kept to; -1: any.',
  }),
  entry('retention.ms', 'long', String(7 * dayMs), 'log.retention.ms', {
    min: -1,
    doc: 'How long records are kept; -1: for ever.',
  }),
  entry('segment.bytes', 'int', '1073741824', 'log.segment.bytes', {
    min: 14,
    doc: 'Size at which a segment is rolled.',
  }),
  entry('segment.index.bytes', 'int', '10485760', 'log.index.size.max.bytes', {
    min: 4,
    doc: 'Largest size of an index file.',
  }),
  entry('segment.jitter.ms', 'long', '0', 'log.roll.jitter.ms', {
    min: 0,
    doc: 'Random time taken off segment.ms, so that not all partitions roll at once.',
  }),
  entry('segment.ms', 'long', String(7 * dayMs), 'log.roll.ms', {
    min: 1,
    doc: 'Time, by record timestamps, after which a segment is rolled.',
  }),
  entry('unclean.leader.election.enable', 'boolean', 'false', 'unclean.leader.election.enable', {
    doc: 'Replication only; stored, without effect.',
  }),
]

/** Every topic config, sorted by name. */
export const topicConfigTable: readonly TopicConfigEntry[] = table

/** The broker-wide settings that give topics their defaults. */
export type TopicDefaultName = (typeof table)[number]['serverName']

const byName = new Map(topicConfigTable.map((each) => [each.name, each]))

export function topicConfig(name: string): TopicConfigEntry | undefined {
  return byName.get(name)
}

/** @throws INVALID_CONFIG naming the first config that Kafka would refuse, and the nearest name of a misspelt one. */
export function checkTopicConfigs(configs: ReadonlyMap<string, string>): void {
  for (const [name, value] of configs) {
    const known = byName.get(name)
    if (known === undefined) {
      const near = nearest(name, byName.keys())
      throw invalid(
        name,
        value,
        near === undefined ? 'No such topic config.' : `No such topic config. Did you mean ${near}?`,
      )
    }
    const problem = topicConfigProblem(known, value)
    if (problem !== undefined) throw invalid(name, value, problem)
  }
}

/** What a user is told about a value that the config cannot have. */
export function topicConfigProblem(known: TopicConfigEntry, value: string): string | undefined {
  switch (known.type) {
    case 'boolean':
      if (!/^(true|false)$/i.test(value.trim())) return 'It is true or false.'
      return oneOf(known, value.trim().toLowerCase())
    case 'string':
      return oneOf(known, value)
    case 'list': {
      const items = listOf(value)
      if (new Set(items).size !== items.length) return 'An item stands twice.'
      return items.map((item) => oneOf(known, item)).find((problem) => problem !== undefined)
    }
    default:
      return numberProblem(known, value.trim())
  }
}

function numberProblem(known: TopicConfigEntry, value: string): string | undefined {
  if (!(known.type === 'double' ? /^-?\d+(\.\d+)?([eE]-?\d+)?$/ : /^-?\d+$/).test(value)) return 'It is not a number.'
  if (known.type === 'long' && BigInt(value) > BigInt(longMax)) return `It is at most ${longMax}.`
  const number = Number(value)
  const max = known.max ?? (known.type === 'int' ? intMax : undefined)
  if (known.min !== undefined && number < known.min) return `It is at least ${known.min}.`
  if (max !== undefined && number > max) return `It is at most ${max}.`
  return undefined
}

function oneOf(known: TopicConfigEntry, value: string): string | undefined {
  if (known.oneOf === undefined || known.oneOf.includes(value)) return undefined
  const near = nearest(value, known.oneOf)
  const rule =
    known.oneOf.length === 1 ? `It can only be ${known.oneOf[0]}.` : `It is one of ${known.oneOf.join(', ')}.`
  return `${rule}${near === undefined ? '' : ` Did you mean ${near}?`}`
}

export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function invalid(name: string, value: string, problem: string): Error {
  return kafkaError('INVALID_CONFIG', `${name}=${value}`, problem)
}

function entry<S extends string>(
  name: string,
  type: TopicConfigType,
  defaultValue: string,
  serverName: S,
  rest: { readonly min?: number; readonly max?: number; readonly oneOf?: readonly string[]; readonly doc: string },
): TopicConfigEntry & { readonly serverName: S } {
  return { name, type, default: defaultValue, serverName, ...rest }
}
