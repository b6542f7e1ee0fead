import { configError, MiB, MillraceError, nearest } from '@millrace/kernel'

/** How an application runs. Every field has a default. */
export interface StreamsOptions {
  /** Names the group, the internal topics and the state directory. @default the topology's name */
  readonly applicationId?: string | undefined
  /** Where state lies: `<stateDirectory>/<applicationId>/<task>`. */
  readonly stateDirectory: string
  /** Workers. 0: on the calling thread, which a topology that is handed over as a closure needs. @default 1 */
  readonly threads?: number | undefined
  /** Time between two commits of a thread. @default 1000 */
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
]

/** @throws CONFIG naming the option, its value and what it may be. */
export function resolveStreamsOptions(given: StreamsOptions, topologyName: string): ResolvedStreamsOptions {
  for (const option of Object.keys(given)) {
    if (optionNames.includes(option)) continue
    const meant = nearest(option, optionNames)
    const fix = meant === undefined ? `Known: ${optionNames.join(', ')}.` : `Did you mean ${meant}?`
    throw new MillraceError('CONFIG', 'is not an option of an application', { place: option, fix })
  }
  const { applicationId = topologyName, stateDirectory, threads = 1, commitIntervalMs = 1000 } = given
  const { cacheBytesMax = 10 * MiB, bufferBytesMax = 4 * MiB, maxTaskIdleMs = 0, sessionTimeoutMs = 10_000 } = given
  if (stateDirectory === '') throw configError('stateDirectory', 'must be a path', stateDirectory)
  wholeNumber('threads', threads, 0, 1024)
  wholeNumber('commitIntervalMs', commitIntervalMs, 1, 3_600_000)
  wholeNumber('cacheBytesMax', cacheBytesMax, 0, Number.MAX_SAFE_INTEGER)
  wholeNumber('bufferBytesMax', bufferBytesMax, 1, Number.MAX_SAFE_INTEGER)
  wholeNumber('maxTaskIdleMs', maxTaskIdleMs, -1, 3_600_000)
  wholeNumber('sessionTimeoutMs', sessionTimeoutMs, 1000, 1_800_000)
  const caches = { cacheBytesMax, bufferBytesMax, maxTaskIdleMs, sessionTimeoutMs }
  return Object.freeze({ applicationId, stateDirectory, threads, commitIntervalMs, ...caches })
}

function wholeNumber(option: string, value: number, from: number, to: number): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return
  throw configError(option, `must be a whole number from ${from} to ${to}`, value)
}
