import { configError, KiB, MiB, nearest } from '@millrace/kernel'
import { type RecoveryChecks, recoveryChecks } from './recovery-checks.ts'
import { checkTopicConfigs } from './topic-configs.ts'

export interface LogDirectoryOptions {
  /** Identity of a new directory; an existing one must have it. @default a random UUID */
  readonly clusterId?: string | undefined
  /** Id of the broker (`node.id`): kept in a new directory, an old one must have it. @default any; 0 in a new one */
  readonly nodeId?: number | undefined
  /** Defaults of all topics, by the names of topic configs. */
  readonly topicDefaults?: ReadonlyMap<string, string> | undefined
  /**
   * false: `synced` resolves at once, so acks=all survives the death of the process, not the loss of power. Said in
   * the log.
   * @default true
   */
  readonly syncAcksAll?: boolean | undefined
  /**
   * Files open at once, for all partitions: a log that is written to or read without an open file costs two system calls more.
   * @default half of what the process may have open (`ulimit -n`), 32768 at most; 1024 where the machine does not say
   */
  readonly openFilesMax?: number | undefined
  /**
   * While more than two partitions are busy, the least time between two syncs: each costs about 0.1 ms of a core, and
   * they share more when they wait for one another. 0: none waits.
   * @default 0
   */
  readonly syncIntervalMs?: number | undefined
  /**
   * How long a producer is remembered that does not write and has no transaction open (`producer.id.expiration.ms`).
   * Measured from its last append in this run; after a restart, from the time of its last batch.
   * @default 86400000
   */
  readonly producerIdExpirationMs?: number | undefined
  /** How often such producers are looked for (`producer.id.expiration.check.interval.ms`). @default 600000 */
  readonly producerIdExpirationCheckIntervalMs?: number | undefined
  /**
   * How often old segments are looked for (`log.retention.check.interval.ms`), in milliseconds.
   * @default 300000
   */
  readonly retentionCheckIntervalMs?: number | undefined
  /** Time from the start to the first such look (`log.initial.task.delay.ms`), in milliseconds. @default 30000 */
  readonly initialTaskDelayMs?: number | undefined
  /** Whether compacted topics are cleaned (`log.cleaner.enable`). @default true */
  readonly cleanerEnable?: boolean | undefined
  /** Time between two looks for what to clean (`log.cleaner.backoff.ms`), in milliseconds. @default 15000 */
  readonly cleanerBackoffMs?: number | undefined
  /**
   * Memory for the keys of one clean (`log.cleaner.dedupe.buffer.size`), 24 bytes a key, in bytes. Taken while a clean
   * runs, and no more than its keys need. A clean whose keys do not fit ends earlier and is followed by another.
   * @default 134217728
   */
  readonly cleanerDedupeBufferBytes?: number | undefined
  /** How full that memory may become (`log.cleaner.io.buffer.load.factor`). @default 0.9 */
  readonly cleanerDedupeBufferLoadFactor?: number | undefined
  /** Bytes read and written at once by a clean (`log.cleaner.io.buffer.size`); two such buffers. @default 524288 */
  readonly cleanerIoBufferBytes?: number | undefined
  /** Bytes a clean reads in a second at most (`log.cleaner.io.max.bytes.per.second`). @default Infinity */
  readonly cleanerIoBytesPerSecondMax?: number | undefined
  /**
   * How often it is tried to open partitions again whose disk has failed (`log.failed.check.interval.ms`), in
   * milliseconds. @default 10000
   */
  readonly failedCheckIntervalMs?: number | undefined
  /** Only for the suite that shows what it would miss. */
  readonly checks?: RecoveryChecks | undefined
}

/** What the cleaner is told. */
export interface CleanerOptions {
  readonly enable: boolean
  readonly backoffMs: number
  readonly dedupeBufferBytes: number
  readonly dedupeBufferLoadFactor: number
  readonly ioBufferBytes: number
  readonly ioBytesPerSecondMax: number
}

export interface CheckedLogOptions {
  readonly clusterId: string | undefined
  readonly nodeId: number | undefined
  readonly topicDefaults: ReadonlyMap<string, string>
  readonly syncAcksAll: boolean
  readonly openFilesMax: number
  readonly syncIntervalMs: number
  readonly producerExpiry: { readonly expirationMs: number; readonly checkIntervalMs: number }
  readonly retentionCheckIntervalMs: number
  readonly initialTaskDelayMs: number
  readonly cleaner: CleanerOptions
  readonly failedCheckIntervalMs: number
  readonly checks: RecoveryChecks
}

const known = [
  'clusterId',
  'nodeId',
  'topicDefaults',
  'syncAcksAll',
  'openFilesMax',
  'syncIntervalMs',
  'producerIdExpirationMs',
  'producerIdExpirationCheckIntervalMs',
  'retentionCheckIntervalMs',
  'initialTaskDelayMs',
  'cleanerEnable',
  'cleanerBackoffMs',
  'cleanerDedupeBufferBytes',
  'cleanerDedupeBufferLoadFactor',
  'cleanerIoBufferBytes',
  'cleanerIoBytesPerSecondMax',
  'failedCheckIntervalMs',
  'checks',
]
/** 2^31 - 1: what Kafka's int settings take. */
const intMax = 2_147_483_647
/** A map of fewer keys would clean a record at a time. */
const dedupeBufferMin = 1536
const openFilesMin = 8

/** The other half is for sockets, state stores and the program's own. */
function openFilesByDefault(descriptorsMax: number | undefined): number {
  if (descriptorsMax === undefined) return 1024
  return Math.max(openFilesMin, Math.min(32_768, Math.floor(descriptorsMax / 2)))
}

/** @param descriptorsMax of the process, where it is known @throws CONFIG, INVALID_CONFIG */
export function checkLogOptions(options: LogDirectoryOptions, descriptorsMax?: number): CheckedLogOptions {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw configError(
      name,
      'no such option of a log directory',
      name,
      near === undefined ? undefined : `Did you mean ${near}?`,
    )
  }
  const openFilesMax = options.openFilesMax ?? openFilesByDefault(descriptorsMax)
  if (!Number.isSafeInteger(openFilesMax) || openFilesMax < openFilesMin) {
    throw configError('openFilesMax', `it is a whole number from ${openFilesMin} up`, openFilesMax)
  }
  const syncIntervalMs = options.syncIntervalMs ?? 0
  if (!(syncIntervalMs >= 0 && syncIntervalMs <= 1000)) {
    throw configError('syncIntervalMs', 'it is a number from 0 to 1000', syncIntervalMs)
  }
  const topicDefaults = options.topicDefaults ?? new Map()
  checkTopicConfigs(topicDefaults)
  return {
    clusterId: options.clusterId,
    nodeId: options.nodeId === undefined ? undefined : whole(options, 'nodeId', 0, 0),
    topicDefaults,
    syncAcksAll: options.syncAcksAll ?? true,
    openFilesMax,
    syncIntervalMs,
    producerExpiry: {
      expirationMs: whole(options, 'producerIdExpirationMs', 86_400_000, 1),
      checkIntervalMs: whole(options, 'producerIdExpirationCheckIntervalMs', 600_000, 1),
    },
    retentionCheckIntervalMs: whole(options, 'retentionCheckIntervalMs', 300_000, 1),
    initialTaskDelayMs: whole(options, 'initialTaskDelayMs', 30_000, 0),
    cleaner: cleanerOptions(options),
    failedCheckIntervalMs: whole(options, 'failedCheckIntervalMs', 10_000, 1),
    checks: options.checks ?? recoveryChecks,
  }
}

function cleanerOptions(options: LogDirectoryOptions): CleanerOptions {
  const loadFactor = options.cleanerDedupeBufferLoadFactor ?? 0.9
  if (!(loadFactor > 0 && loadFactor < 1)) {
    throw configError('cleanerDedupeBufferLoadFactor', 'it is a number between 0 and 1', loadFactor)
  }
  const ioBytesPerSecondMax = options.cleanerIoBytesPerSecondMax ?? Number.POSITIVE_INFINITY
  if (!(ioBytesPerSecondMax >= 1)) {
    throw configError('cleanerIoBytesPerSecondMax', 'it is a number from 1 up', ioBytesPerSecondMax)
  }
  return {
    enable: options.cleanerEnable ?? true,
    backoffMs: whole(options, 'cleanerBackoffMs', 15_000, 0),
    dedupeBufferBytes: whole(options, 'cleanerDedupeBufferBytes', 128 * MiB, dedupeBufferMin),
    dedupeBufferLoadFactor: loadFactor,
    ioBufferBytes: whole(options, 'cleanerIoBufferBytes', 512 * KiB, KiB),
    ioBytesPerSecondMax,
  }
}

type WholeOption =
  | 'nodeId'
  | 'producerIdExpirationMs'
  | 'producerIdExpirationCheckIntervalMs'
  | 'retentionCheckIntervalMs'
  | 'initialTaskDelayMs'
  | 'failedCheckIntervalMs'
  | 'cleanerBackoffMs'
  | 'cleanerDedupeBufferBytes'
  | 'cleanerIoBufferBytes'

function whole(options: LogDirectoryOptions, name: WholeOption, byDefault: number, min: number): number {
  const value = options[name] ?? byDefault
  if (Number.isSafeInteger(value) && value >= min && value <= intMax) return value
  throw configError(name, `it is a whole number from ${min} to ${intMax}`, value)
}
