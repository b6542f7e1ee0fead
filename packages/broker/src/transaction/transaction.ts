import type { TopicPartitionMap } from '@millrace/kernel'

/** As `__transaction_state` stores them, and as DescribeTransactions names them. The place is Kafka's number. */
export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const

export type TransactionState = (typeof transactionStates)[number]

/** Which protocol ended or began a transaction: from 2 on the epoch rises with each (KIP-890). */
export type TransactionVersion = 0 | 1 | 2

/** The highest epoch; clients never see it, so that whoever holds the one before can still be fenced. */
export const epochMax = 32_767

/**
 * What is known of a transactional id. A value that is never changed: each step makes the next one. Only the
 * partitions of an ongoing transaction are added to in place.
 */
export interface Transaction {
  readonly transactionalId: string
  readonly producerId: number
  /** Of the step before: tells a repeated request after a change of id. -1: none. */
  readonly previousProducerId: number
  /** What the producer gets when this transaction is complete, once the epochs of its id are used up. -1: none. */
  readonly nextProducerId: number
  /** -1: nobody has been told of it. */
  readonly epoch: number
  /** Of a producer that raised its own epoch; not stored. -1: none. */
  readonly lastEpoch: number
  readonly timeoutMs: number
  readonly state: TransactionState
  /** Partitions in the transaction, each with the end of what the transaction has there. */
  readonly partitions: TopicPartitionMap<number>
  /** -1: there is none. */
  readonly startMs: number
  readonly updateMs: number
  readonly version: TransactionVersion
}

export interface ProducerClaim {
  readonly producerId: number
  readonly epoch: number
}

/** No epoch is left that a client could be given. */
export function isExhausted({ epoch }: ProducerClaim): boolean {
  return epoch >= epochMax - 1
}

/** Its transaction is decided and its markers are being written. */
export function isPrepared(state: TransactionState): state is 'PrepareCommit' | 'PrepareAbort' {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

/** No transaction is under way: a new one may begin, and the id may expire. */
export function isIdle(state: TransactionState): state is 'Empty' | 'CompleteCommit' | 'CompleteAbort' {
  return state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort'
}
