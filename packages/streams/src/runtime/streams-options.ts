import { configError, MiB, MillraceError, nearest } from '@millrace/kernel'

/** What a crash may do to results. */
export type Processing = 'at-least-once' | 'exactly-once'

/** How an application runs. Every field has a default. */
export interface StreamsOptions {
  /** Names the group, the internal topics and the state directory. @default the topology's name */
  readonly applicationId?: string | undefined
  /** Where state lies: `<stateDirectory>/<applicationId>/<task>`. */
  readonly stateDirectory: string
  /** Workers. 0: on the calling thread, which a topology that is handed over as a closure needs. @default 1 */
  readonly threads?: number | undefined
  /**
   * `exactly-once`: a thread's changelogs, outputs and input positions are one transaction, which readers that read
   * committed records see wholly or not at all; needs a broker with transactions. `at-least-once`: after a crash what
   * was processed since the last commit is processed, and counted, again.
   * @default 'at-least-once'
   */
  readonly processing?: Processing | undefined
  /** Time between two commits of a thread. @default 1000; under exactly-once, where readers wait for it, 100 */
  readonly commitIntervalMs?: number | undefined
  /**
   * Record cache of all threads together; what is not committed stays in it, so a full one commits early. @default 10
   * MiB
   */
  readonly cacheBytesMax?: number | undefined
  /** Bytes a task holds of one input partition before that partition is paused. @default 4 MiB */
  readonly bufferBytesMax?: number | undefined
  /**
   * How long a task waits for a partition that is known to be caught up and empty, before it goes on without. 0: only
   * for
   * partitions with a lag. -1: never waits. @default 0
   */
  readonly maxTaskIdleMs?: number | undefined
  /** @default 10000 */
  readonly sessionTimeoutMs?: number | undefined
  /**
   * Under exactly-once: a transaction open for longer is aborted by its coordinator, and its records are processed
   * again. How long others wait at most for what a thread that died for good left open. @default 10000, as Kafka Streams
   */
  readonly transactionTimeoutMs?: number | undefined
}

export type ResolvedStreamsOptions = { readonly [K in keyof StreamsOptions]-?: NonNullable<StreamsOptions[K]> }

const optionNames = [
  'applicationId',
  'stateDirectory',
  'threads',
  'commitIntervalMs',
  'cacheBytesMax',
  'bufferBytesMax',
  'maxTaskIdleMs',
  'sessionTimeoutMs',
  'processing',
  'transactionTimeoutMs',
]

/** @throws CONFIG naming the option, its value and what it may be. */
export function resolveStreamsOptions(given: StreamsOptions, topologyName: string): ResolvedStreamsOptions {
  for (const option of Object.keys(given)) {
    if (optionNames.includes(option)) continue
    const meant = nearest(option, optionNames)
    const fix = meant === undefined ? `Known: ${optionNames.join(', ')}.` : `Did you mean ${meant}?`
    throw new MillraceError('CONFIG', 'is not an option of an application', { place: option, fix })
  }
  const { applicationId = topologyName, stateDirectory, threads = 1, processing = 'at-least-once' } = given
  const { commitIntervalMs = processing === 'exactly-once' ? 100 : 1000, transactionTimeoutMs = 10_000 } = given
  const { cacheBytesMax = 10 * MiB, bufferBytesMax = 4 * MiB, maxTaskIdleMs = 0, sessionTimeoutMs = 10_000 } = given
  if (stateDirectory === '') throw configError('stateDirectory', 'must be a path', stateDirectory)
  wholeNumber('threads', threads, 0, 1024)
  wholeNumber('commitIntervalMs', commitIntervalMs, 1, 3_600_000)
  wholeNumber('cacheBytesMax', cacheBytesMax, 0, Number.MAX_SAFE_INTEGER)
  wholeNumber('bufferBytesMax', bufferBytesMax, 1, Number.MAX_SAFE_INTEGER)
  wholeNumber('maxTaskIdleMs', maxTaskIdleMs, -1, 3_600_000)
  wholeNumber('sessionTimeoutMs', sessionTimeoutMs, 1000, 1_800_000)
  wholeNumber('transactionTimeoutMs', transactionTimeoutMs, 1000, 900_000)
  if (processing !== 'at-least-once' && processing !== 'exactly-once') {
    throw configError('processing', 'must be at-least-once or exactly-once', processing)
  }
  if (processing === 'exactly-once' && commitIntervalMs >= transactionTimeoutMs) {
    throw configError(
      'commitIntervalMs',
      'is a transaction’s length: it must be below transactionTimeoutMs',
      commitIntervalMs,
    )
  }
  const caches = { cacheBytesMax, bufferBytesMax, maxTaskIdleMs, sessionTimeoutMs }
  const commits = { processing, commitIntervalMs, transactionTimeoutMs }
  return Object.freeze({ applicationId, stateDirectory, threads, ...commits, ...caches })
}

function wholeNumber(option: string, value: number, from: number, to: number): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return
  throw configError(option, `must be a whole number from ${from} to ${to}`, value)
}
