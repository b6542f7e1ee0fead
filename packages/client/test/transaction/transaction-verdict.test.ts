import { errorTable, isKafkaErrorCode, kafkaError, MillraceError, remedyFor } from '@millrace/kernel'
import { describe, expect, it } from 'vitest'
import { type TransactionCall, transactionVerdict } from '../../src/transaction/transaction-verdict.ts'

const calls: readonly TransactionCall[] = [
  'init',
  'bump-epoch',
  'add-partitions',
  'add-offsets',
  'commit-offsets',
  'commit',
  'abort',
  'produce',
]
const codes = Object.keys(errorTable).filter(isKafkaErrorCode)

/**
 * What the handlers of Java's TransactionManager 4.3 do, by call in the order above. R retry, S soon, C find the coordinator,
 * r refuse, a abortable, b abortable with an epoch to be raised, x fenced, F fatal.
 */
const table: Readonly<Record<string, string>> = {
  CONCURRENT_TRANSACTIONS: 'SSSSSSSb',
  NOT_COORDINATOR: 'CCCCCCCb',
  COORDINATOR_NOT_AVAILABLE: 'CCCCCCCb',
  COORDINATOR_LOAD_IN_PROGRESS: 'RRRRRRRb',
  REQUEST_TIMED_OUT: 'CCCCCCCb',
  NOT_ENOUGH_REPLICAS: 'RRRRRRRb',
  UNKNOWN_TOPIC_OR_PARTITION: 'RRRRRRRb',
  PRODUCER_FENCED: 'xxxxxxxx',
  INVALID_PRODUCER_EPOCH: 'xxxxxxxb',
  INVALID_PRODUCER_ID_MAPPING: 'FFFFFFFF',
  UNSUPPORTED_VERSION: 'FFFFFFFF',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'rFFFFFFF',
  CLUSTER_AUTHORIZATION_FAILED: 'rFFFFFFF',
  INVALID_TXN_STATE: 'FFFFFFFb',
  INVALID_TRANSACTION_TIMEOUT: 'FFaFFFFb',
  TRANSACTION_ABORTABLE: 'rFaaaaFa',
  UNKNOWN_PRODUCER_ID: 'bbbbbbbb',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'FFaFFFFb',
  TOPIC_AUTHORIZATION_FAILED: 'aaaaaaab',
  GROUP_AUTHORIZATION_FAILED: 'aaaaaaab',
  OPERATION_NOT_ATTEMPTED: 'aaaaaaab',
  ILLEGAL_GENERATION: 'aaaaaaab',
  UNKNOWN_MEMBER_ID: 'aaaaaaab',
  FENCED_INSTANCE_ID: 'aaaaaaab',
  OFFSET_METADATA_TOO_LARGE: 'FFaFFFFb',
  MESSAGE_TOO_LARGE: 'FFaFFFFb',
}

const letters = {
  retry: 'R',
  'retry-soon': 'S',
  'find-coordinator': 'C',
  refuse: 'r',
  abortable: 'a',
  'abortable-bump': 'b',
  fenced: 'x',
  fatal: 'F',
} as const

describe('verdict on a failed transactional request', () => {
  it.each(Object.entries(table))('on %s is %s', (code, expected) => {
    const error = kafkaError(codes.find((known) => known === code)!, 'p')
    expect(calls.map((call) => letters[transactionVerdict(error, call)]).join('')).toBe(expected)
  })

  it('is to try again for all that Kafka calls retriable, and never for a batch the sender gave up', () => {
    for (const code of codes) {
      const error = kafkaError(code, 'p')
      const isRetried = ['R', 'S', 'C'].includes(letters[transactionVerdict(error, 'commit')])
      const remedy = remedyFor(error)
      if (code !== 'STALE_MEMBER_EPOCH')
        expect([code, isRetried]).toEqual([code, remedy === 'retry' || remedy === 'refresh-metadata'])
      expect(['a', 'b', 'x', 'F']).toContain(letters[transactionVerdict(error, 'produce')])
    }
  })

  it('never asks for the abort of an abort', () => {
    for (const code of codes) {
      const letter = letters[transactionVerdict(kafkaError(code, 'p'), 'abort')]
      if (letter === 'a')
        expect(['TOPIC', 'GROUP', 'OPERA', 'ILLEG', 'UNKNO', 'FENCE', 'STALE']).toContain(code.slice(0, 5))
    }
  })

  it('looks for the coordinator when nobody answers, and gives up on what nobody can name', () => {
    expect(transactionVerdict(new MillraceError('CONNECTION_LOST', 'x'), 'commit')).toBe('find-coordinator')
    expect(transactionVerdict(new MillraceError('CONNECTION_REFUSED', 'x'), 'init')).toBe('find-coordinator')
    expect(transactionVerdict(new TypeError('a bug'), 'commit')).toBe('fatal')
    expect(transactionVerdict(undefined, 'produce')).toBe('abortable-bump')
  })
})
