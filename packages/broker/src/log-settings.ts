import type { LogDirectoryOptions } from '@millrace/log/internal'
import { boolean, double, number } from './setting-row.ts'

const int32Max = 0x7fff_ffff

/** Settings that the log is opened with: whoever opens it for a broker takes them from here (`logOptionsOf`). */
export const logSettings = {
  'acks.all.sync': boolean(
    true,
    'acks=all waits until the disk has the record. With false it survives the death of the process, not the loss of ' +
      'power. Not in Kafka, which never waits.',
  ),
  'log.retention.check.interval.ms': number(300_000, 1, int32Max, 'How often old segments are looked for.'),
  'log.initial.task.delay.ms': number(30_000, 0, int32Max, 'Time from the start to the first such look.'),
  'log.cleaner.enable': boolean(true, 'Clean compacted topics.'),
  'log.cleaner.backoff.ms': number(15_000, 0, int32Max, 'Time between two looks for what to clean.'),
  'log.cleaner.dedupe.buffer.size': number(
    134_217_728,
    1536,
    int32Max,
    'Most bytes of memory for the keys of one clean, 24 bytes a key. Taken while it runs, and no more than needed.',
  ),
  'log.cleaner.io.buffer.size': number(524_288, 1024, int32Max, 'Bytes that a clean reads and writes at once.'),
  'log.cleaner.io.buffer.load.factor': double(
    0.9,
    0.01,
    0.99,
    'How full the memory for keys may become: with more, a clean takes more keys and looks longer for each.',
  ),
  'log.cleaner.io.max.bytes.per.second': double(
    Number.MAX_SAFE_INTEGER,
    1,
    Number.MAX_SAFE_INTEGER,
    'Most bytes that a clean reads in a second.',
  ),
  'log.failed.check.interval.ms': number(
    10_000,
    1,
    int32Max,
    'How often it is tried to open partitions again whose disk has failed. Not in Kafka: there they wait for a start.',
  ),
  'producer.id.expiration.ms': number(
    86_400_000,
    1,
    int32Max,
    'How long a partition remembers a producer that does not write to it and has no transaction open.',
  ),
  'producer.id.expiration.check.interval.ms': number(600_000, 1, int32Max, 'How often that is looked at.'),
} as const

/** The log's options of a broker with these settings. */
export function logOptionsOf(
  settings: {
    readonly [K in keyof typeof logSettings]: (typeof logSettings)[K]['default']
  } & { readonly topicDefaults: ReadonlyMap<string, string>; readonly 'node.id': number },
): LogDirectoryOptions {
  return {
    nodeId: settings['node.id'],
    topicDefaults: settings.topicDefaults,
    syncAcksAll: settings['acks.all.sync'],
    retentionCheckIntervalMs: settings['log.retention.check.interval.ms'],
    failedCheckIntervalMs: settings['log.failed.check.interval.ms'],
    initialTaskDelayMs: settings['log.initial.task.delay.ms'],
    cleanerEnable: settings['log.cleaner.enable'],
    cleanerBackoffMs: settings['log.cleaner.backoff.ms'],
    cleanerDedupeBufferBytes: settings['log.cleaner.dedupe.buffer.size'],
    cleanerDedupeBufferLoadFactor: settings['log.cleaner.io.buffer.load.factor'],
    cleanerIoBufferBytes: settings['log.cleaner.io.buffer.size'],
    cleanerIoBytesPerSecondMax: settings['log.cleaner.io.max.bytes.per.second'],
    producerIdExpirationMs: settings['producer.id.expiration.ms'],
    producerIdExpirationCheckIntervalMs: settings['producer.id.expiration.check.interval.ms'],
  }
}
