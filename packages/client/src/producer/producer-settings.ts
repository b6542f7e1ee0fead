import { configError, KiB, MiB } from '@millrace/kernel'
import type { CodecName } from '@millrace/record/internal'
import type { ProducerInterceptor } from '../interceptors.ts'
import { oneOf, refuseUnknown, wholeNumber } from '../options.ts'
import type { Partitioner, ProducerOptions } from '../producer.ts'

/** `ProducerOptions`, checked and complete. */
export interface ProducerSettings {
  /** As on the wire: -1 is `all`. */
  readonly acks: -1 | 0 | 1
  readonly idempotent: boolean
  readonly lingerMs: number
  readonly batchBytes: number
  readonly bufferBytesMax: number
  readonly compression: CodecName
  readonly partitioner: Partitioner | undefined
  readonly maxInFlight: number
  readonly requestTimeoutMs: number
  readonly deliveryTimeoutMs: number
  readonly transactionalId: string | undefined
  readonly transactionTimeoutMs: number
  readonly maxBlockMs: number
  readonly interceptors: readonly ProducerInterceptor[]
}

const known = [
  'acks',
  'idempotent',
  'lingerMs',
  'batchBytes',
  'bufferBytesMax',
  'compression',
  'partitioner',
  'maxInFlight',
  'requestTimeoutMs',
  'deliveryTimeoutMs',
  'transactionalId',
  'transactionTimeoutMs',
  'maxBlockMs',
  'interceptors',
] as const satisfies readonly (keyof ProducerOptions)[]

const day = 86_400_000

/** @throws CONFIG naming the option. */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  refuseUnknown('producer', options, known)
  const acks = oneOf<0 | 1 | 'all'>('producer.acks', options.acks, 'all', [0, 1, 'all'])
  const idempotent = options.idempotent ?? acks === 'all'
  if (idempotent && acks !== 'all') {
    throw configError('producer.idempotent', 'needs acks "all"', acks, 'Leave acks out, or set idempotent: false.')
  }
  refuseTransactional(options, idempotent)
  const requestTimeoutMs = wholeNumber('producer.requestTimeoutMs', options.requestTimeoutMs, 30_000, 1, day)
  return {
    acks: acks === 'all' ? -1 : acks,
    idempotent,
    lingerMs: wholeNumber('producer.lingerMs', options.lingerMs, 0, 0, day),
    batchBytes: wholeNumber('producer.batchBytes', options.batchBytes, 64 * KiB, 1, 512 * MiB),
    bufferBytesMax: wholeNumber('producer.bufferBytesMax', options.bufferBytesMax, 32 * MiB, 1, 2 ** 40),
    compression: oneOf('producer.compression', options.compression, 'none', ['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    partitioner: options.partitioner,
    maxInFlight: wholeNumber('producer.maxInFlight', options.maxInFlight, 5, 1, idempotent ? 5 : 1_000),
    requestTimeoutMs,
    deliveryTimeoutMs: wholeNumber('producer.deliveryTimeoutMs', options.deliveryTimeoutMs, 120_000, 1, day),
    transactionalId: options.transactionalId,
    transactionTimeoutMs: wholeNumber('producer.transactionTimeoutMs', options.transactionTimeoutMs, 60_000, 1, day),
    maxBlockMs: wholeNumber('producer.maxBlockMs', options.maxBlockMs, 60_000, 1, day),
    interceptors: options.interceptors ?? [],
  }
}

function refuseTransactional({ transactionalId }: ProducerOptions, idempotent: boolean): void {
  if (transactionalId === undefined) return
  if (typeof transactionalId !== 'string' || transactionalId === '') {
    throw configError('producer.transactionalId', 'must be a name', transactionalId, "Write 'orders-writer-1'.")
  }
  if (idempotent) return
  const fix = 'Leave acks and idempotent out, or transactionalId.'
  throw configError('producer.transactionalId', 'needs acks "all" and an idempotent producer', transactionalId, fix)
}
