import { configError, KiB, MiB } from '@millrace/kernel'
import type { Assignor, AutoOffsetReset, ConsumerOptions } from '../consumer.ts'
import type { ConsumerInterceptor } from '../interceptors.ts'
import { oneOf, refuseUnknown, wholeNumber } from '../options.ts'
import { checkReset } from './offset-reset.ts'
import { rangeAssignor } from './range-assignor.ts'
import { cooperativeStickyAssignor } from './sticky-assignors.ts'

/** `ConsumerOptions`, checked and complete. */
export interface ConsumerSettings {
  readonly groupId: string | undefined
  readonly groupInstanceId: string | null
  readonly rackId: string | null
  readonly autoOffsetReset: (topic: string) => AutoOffsetReset
  readonly isolation: 'read_uncommitted' | 'read_committed'
  readonly assignors: readonly Assignor[]
  /** Each of the assignors can do it, so every round is. */
  readonly cooperative: boolean
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly maxPollIntervalMs: number
  readonly prefetchBytesMax: number
  readonly partitionFetchBytesMax: number
  readonly fetchWaitMs: number
  readonly autoCommitIntervalMs: number | undefined
  readonly allowAutoCreateTopics: boolean
  readonly interceptors: readonly ConsumerInterceptor[]
  /** Of a request that is not a long poll. */
  readonly requestTimeoutMs: number
}

const known = [
  'groupId',
  'groupInstanceId',
  'rackId',
  'autoOffsetReset',
  'isolation',
  'assignors',
  'sessionTimeoutMs',
  'heartbeatIntervalMs',
  'maxPollIntervalMs',
  'prefetchBytesMax',
  'partitionFetchBytesMax',
  'fetchWaitMs',
  'autoCommitIntervalMs',
  'allowAutoCreateTopics',
  'interceptors',
] as const satisfies readonly (keyof ConsumerOptions)[]

const day = 86_400_000

/** @throws CONFIG naming the option. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  refuseUnknown('consumer', options, known)
  const { groupId, assignors, autoCommitIntervalMs } = options
  if (groupId === '') throw configError('consumer.groupId', 'is empty', groupId, 'Name the group, or leave it out.')
  if (assignors !== undefined && assignors.length === 0) {
    throw configError('consumer.assignors', 'is empty', assignors, 'Give at least one, or leave it out.')
  }
  const sessionTimeoutMs = wholeNumber('consumer.sessionTimeoutMs', options.sessionTimeoutMs, 45_000, 1, day)
  const heartbeatIntervalMs = wholeNumber('consumer.heartbeatIntervalMs', options.heartbeatIntervalMs, 3_000, 1, day)
  if (heartbeatIntervalMs >= sessionTimeoutMs) {
    const fix = `Give less than sessionTimeoutMs (${sessionTimeoutMs}), a third at most.`
    throw configError('consumer.heartbeatIntervalMs', 'would let the session expire', heartbeatIntervalMs, fix)
  }
  if (autoCommitIntervalMs !== undefined) {
    wholeNumber('consumer.autoCommitIntervalMs', autoCommitIntervalMs, 0, 1, day)
    if (groupId === undefined) {
      throw configError('consumer.autoCommitIntervalMs', 'needs a group', autoCommitIntervalMs, 'Set groupId.')
    }
  }
  const chosen = assignors ?? [rangeAssignor(), cooperativeStickyAssignor()]
  return {
    groupId,
    groupInstanceId: options.groupInstanceId ?? null,
    rackId: options.rackId ?? null,
    autoOffsetReset: resetPolicy(options.autoOffsetReset),
    isolation: oneOf('consumer.isolation', options.isolation, 'read_uncommitted', [
      'read_uncommitted',
      'read_committed',
    ]),
    assignors: chosen,
    cooperative: chosen.every(({ protocols }) => protocols?.includes('cooperative') === true),
    sessionTimeoutMs,
    heartbeatIntervalMs,
    maxPollIntervalMs: wholeNumber('consumer.maxPollIntervalMs', options.maxPollIntervalMs, 300_000, 1, day),
    prefetchBytesMax: wholeNumber('consumer.prefetchBytesMax', options.prefetchBytesMax, 16 * MiB, 1, 2 ** 40),
    partitionFetchBytesMax: wholeNumber(
      'consumer.partitionFetchBytesMax',
      options.partitionFetchBytesMax,
      1024 * KiB,
      1,
      512 * MiB,
    ),
    fetchWaitMs: wholeNumber('consumer.fetchWaitMs', options.fetchWaitMs, 500, 0, day),
    autoCommitIntervalMs,
    allowAutoCreateTopics: options.allowAutoCreateTopics ?? false,
    interceptors: options.interceptors ?? [],
    requestTimeoutMs: 30_000,
  }
}

function resetPolicy(given: ConsumerOptions['autoOffsetReset']): (topic: string) => AutoOffsetReset {
  if (typeof given === 'function') return given
  const policy = checkReset(given ?? 'latest')
  return () => policy
}
