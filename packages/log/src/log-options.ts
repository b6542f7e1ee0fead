import { configError, nearest } from '@millrace/kernel'
import { type RecoveryChecks, recoveryChecks } from './recovery-checks.ts'
import { checkTopicConfigs } from './topic-configs.ts'

export interface LogDirectoryOptions {
  /** Identity of a new directory; an existing one must have it. @default a random UUID */
  readonly clusterId?: string | undefined
  /** Defaults of all topics, by the names of topic configs. */
  readonly topicDefaults?: ReadonlyMap<string, string> | undefined
  /**
   * false: `synced` resolves at once, so acks=all survives the death of the process, not the loss of power. Said in
   * the log.
   * @default true
   */
  readonly syncAcksAll?: boolean | undefined
  /** Files open at once, for all partitions. @default 1024 */
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
  /** Only for the suite that shows what it would miss. */
  readonly checks?: RecoveryChecks | undefined
}

export interface CheckedLogOptions {
  readonly clusterId: string | undefined
  readonly topicDefaults: ReadonlyMap<string, string>
  readonly syncAcksAll: boolean
  readonly openFilesMax: number
  readonly syncIntervalMs: number
  readonly producerExpiry: { readonly expirationMs: number; readonly checkIntervalMs: number }
  readonly checks: RecoveryChecks
}

const known = [
  'clusterId',
  'topicDefaults',
  'syncAcksAll',
  'openFilesMax',
  'syncIntervalMs',
  'producerIdExpirationMs',
  'producerIdExpirationCheckIntervalMs',
  'checks',
]
const openFilesMin = 8

/** @throws CONFIG, INVALID_CONFIG */
export function checkLogOptions(options: LogDirectoryOptions): CheckedLogOptions {
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
  const openFilesMax = options.openFilesMax ?? 1024
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
    topicDefaults,
    syncAcksAll: options.syncAcksAll ?? true,
    openFilesMax,
    syncIntervalMs,
    producerExpiry: {
      expirationMs: milliseconds(options, 'producerIdExpirationMs', 86_400_000),
      checkIntervalMs: milliseconds(options, 'producerIdExpirationCheckIntervalMs', 600_000),
    },
    checks: options.checks ?? recoveryChecks,
  }
}

/** Kafka's int of at least 1. */
function milliseconds(
  options: LogDirectoryOptions,
  name: 'producerIdExpirationMs' | 'producerIdExpirationCheckIntervalMs',
  byDefault: number,
): number {
  const value = options[name] ?? byDefault
  if (Number.isSafeInteger(value) && value >= 1 && value <= 2_147_483_647) return value
  throw configError(name, 'it is a whole number from 1 to 2147483647', value)
}
