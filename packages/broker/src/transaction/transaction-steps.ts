import { assert, type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import {
  epochMax,
  isExhausted,
  isIdle,
  isPrepared,
  type ProducerClaim,
  type Transaction,
  type TransactionVersion,
} from './transaction.ts'

/**
 * What is to be done about a request, and nothing done yet. Source: Apache Kafka 4.x, TransactionCoordinator.scala and
 * TransactionMetadata.java.
 */
export type Step<T> = { readonly refused: KafkaErrorCode } | T

/** A transactional id that nobody has used before. */
export function newTransaction(
  transactionalId: string,
  producerId: number,
  timeoutMs: number,
  nowMs: number,
): Transaction {
  return {
    transactionalId,
    producerId,
    previousProducerId: -1,
    nextProducerId: -1,
    epoch: -1,
    lastEpoch: -1,
    timeoutMs,
    state: 'Empty',
    partitions: new TopicPartitionMap(),
    startMs: -1,
    updateMs: nowMs,
    version: 0,
  }
}

/** `fence`: a transaction must be aborted first. `rotate`: a new producer id is needed. */
export type InitStep = Step<
  { readonly fence: true } | { readonly rotate: true } | { readonly next: Transaction; readonly isAgain: boolean }
>

/** InitProducerId. `claim`: who the producer says it is, when it wants to go on under a higher epoch (KIP-360). */
export function stepInit(
  now: Transaction,
  claim: ProducerClaim | undefined,
  timeoutMs: number,
  nowMs: number,
): InitStep {
  if (claim !== undefined && !mayInit(now, claim)) return { refused: 'PRODUCER_FENCED' }
  if (isPrepared(now.state)) return { refused: 'CONCURRENT_TRANSACTIONS' }
  if (now.state === 'Ongoing') {
    // A producer that was replaced must not end the transaction of the one that replaced it.
    if (claim !== undefined && claim.epoch !== now.epoch) return { refused: 'PRODUCER_FENCED' }
    return { fence: true }
  }
  assert(isIdle(now.state), () => `${now.transactionalId} is ${now.state}`)
  if (isExhausted(now) && (claim === undefined || claim.epoch === now.epoch)) return { rotate: true }
  return stepEpoch(now, claim, timeoutMs, nowMs)
}

function mayInit(now: Transaction, claim: ProducerClaim): boolean {
  if (now.epoch === -1 || claim.producerId === now.producerId) return true
  return claim.producerId === now.previousProducerId && isExhausted(claim)
}

function stepEpoch(now: Transaction, claim: ProducerClaim | undefined, timeoutMs: number, nowMs: number): InitStep {
  const raised = { ...emptied(now, timeoutMs, nowMs), epoch: now.epoch + 1 }
  if (claim === undefined) return { next: { ...raised, lastEpoch: -1 }, isAgain: false }
  if (now.epoch === -1 || claim.epoch === now.epoch) {
    return { next: { ...raised, lastEpoch: now.epoch }, isAgain: false }
  }
  // The answer got lost. Nobody else came since: that would have forgotten the last epoch.
  if (claim.epoch === now.lastEpoch) return { next: emptied(now, timeoutMs, nowMs), isAgain: true }
  return { refused: 'PRODUCER_FENCED' }
}

/** InitProducerId with a new id, after `rotate`. */
export function rotated(
  now: Transaction,
  producerId: number,
  { timeoutMs, nowMs, isClaimed }: { readonly timeoutMs: number; readonly nowMs: number; readonly isClaimed: boolean },
): Transaction {
  return { ...emptied(now, timeoutMs, nowMs), producerId, epoch: 0, lastEpoch: isClaimed ? now.epoch : -1 }
}

function emptied(now: Transaction, timeoutMs: number, nowMs: number): Transaction {
  return {
    ...now,
    previousProducerId: now.producerId,
    state: 'Empty',
    timeoutMs,
    partitions: new TopicPartitionMap(),
    startMs: -1,
    updateMs: nowMs,
  }
}

/** Whether a producer may write in a transaction: the checks that adding and verifying have in common. */
export function refuseWriter(now: Transaction, claim: ProducerClaim): KafkaErrorCode | undefined {
  if (now.producerId !== claim.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
  if (now.epoch !== claim.epoch) return 'PRODUCER_FENCED'
  return isPrepared(now.state) ? 'CONCURRENT_TRANSACTIONS' : undefined
}

/** The transaction with room for more partitions: the same one, or a new one that begins. */
export function ongoing(now: Transaction, version: TransactionVersion, nowMs: number): Transaction {
  if (now.state === 'Ongoing') return now
  return {
    ...now,
    previousProducerId: now.producerId,
    state: 'Ongoing',
    partitions: new TopicPartitionMap(),
    startMs: nowMs,
    updateMs: nowMs,
    version,
  }
}

/** `done`: it has been ended so before, the answer was lost. `rotate`: a new producer id is needed to go on. */
export type EndStep = Step<
  { readonly done: true } | { readonly end: 'PrepareCommit' | 'PrepareAbort'; rotate: boolean }
>

/** EndTxn by a client of before KIP-890: the epoch stays, a repeated request is told by the state. */
export function stepEnd(now: Transaction, claim: ProducerClaim, commit: boolean): EndStep {
  if (now.producerId !== claim.producerId) return { refused: 'INVALID_PRODUCER_ID_MAPPING' }
  if (now.epoch !== claim.epoch) return { refused: 'PRODUCER_FENCED' }
  switch (now.state) {
    case 'Ongoing':
      return { end: commit ? 'PrepareCommit' : 'PrepareAbort', rotate: false }
    case 'CompleteCommit':
      return commit ? { done: true } : { refused: 'INVALID_TXN_STATE' }
    case 'CompleteAbort':
      return commit ? { refused: 'INVALID_TXN_STATE' } : { done: true }
    default:
      return stepEndPrepared(now, commit)
  }
}

/**
 * EndTxn under transaction version 2: every end raises the epoch, so a repeated request is one epoch behind.
 *
 *                    abort, again   abort     commit, again   commit
 *   Empty            fenced         end       fenced          INVALID_TXN_STATE
 *   CompleteAbort    done           end       INVALID_…       INVALID_TXN_STATE
 *   CompleteCommit   INVALID_…      end       done            INVALID_TXN_STATE
 */
export function stepEnd2(now: Transaction, claim: ProducerClaim, commit: boolean): EndStep {
  const afterRotation = now.previousProducerId === claim.producerId && claim.epoch === epochMax - 1 && now.epoch === 0
  if (now.producerId !== claim.producerId && !afterRotation) return { refused: 'INVALID_PRODUCER_ID_MAPPING' }
  const isComplete = now.state === 'CompleteCommit' || now.state === 'CompleteAbort'
  const isAgain =
    (now.epoch === claim.epoch + 1 || (afterRotation && isComplete)) && (isComplete || isPrepared(now.state))
  const isCurrent = now.epoch === claim.epoch && now.producerId === claim.producerId && !isPrepared(now.state)
  if (!isAgain && !isCurrent) return { refused: 'PRODUCER_FENCED' }
  const end = { end: commit ? 'PrepareCommit' : 'PrepareAbort', rotate: isExhausted(now) } as const
  switch (now.state) {
    case 'Ongoing':
      return end
    case 'Empty':
      return commit ? { refused: 'INVALID_TXN_STATE' } : end
    case 'CompleteCommit':
      if (isAgain) return commit ? { done: true } : { refused: 'INVALID_TXN_STATE' }
      return commit ? { refused: 'INVALID_TXN_STATE' } : end
    case 'CompleteAbort':
      if (commit) return { refused: 'INVALID_TXN_STATE' }
      return isAgain ? { done: true } : end
    default:
      return stepEndPrepared(now, commit)
  }
}

function stepEndPrepared({ state }: Transaction, commit: boolean): { readonly refused: KafkaErrorCode } {
  const same = state === (commit ? 'PrepareCommit' : 'PrepareAbort')
  return { refused: same ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE' }
}

/** The epoch that shuts out whoever holds the present one. No client is ever given it. */
export function fenced(now: Transaction): Transaction {
  return { ...now, epoch: Math.min(now.epoch + 1, epochMax), lastEpoch: -1 }
}

/** The decision. Its epoch is the one of the markers. */
export function prepared(
  now: Transaction,
  state: 'PrepareCommit' | 'PrepareAbort',
  {
    version,
    nextProducerId,
    nowMs,
    isFenced,
  }: {
    readonly version: TransactionVersion
    readonly nextProducerId: number
    readonly nowMs: number
    /** Its epoch has been raised already, over the head of its producer. */
    readonly isFenced?: boolean
  },
): Transaction {
  const raises = version >= 2 && !isFenced
  return {
    ...now,
    state,
    previousProducerId: now.producerId,
    nextProducerId,
    epoch: raises ? Math.min(now.epoch + 1, epochMax) : now.epoch,
    lastEpoch: raises ? now.epoch : now.lastEpoch,
    // Under version 2 an abort may come before anything was written.
    partitions: now.state === 'Ongoing' ? now.partitions : new TopicPartitionMap(),
    startMs: now.state === 'Ongoing' ? now.startMs : nowMs,
    updateMs: nowMs,
    version,
  }
}

/** All markers are written. */
export function completed(now: Transaction, nowMs: number): Transaction {
  assert(isPrepared(now.state), () => `${now.transactionalId} is ${now.state}`)
  const rotates = now.version >= 2 && now.nextProducerId !== -1
  return {
    ...now,
    state: now.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    previousProducerId: now.producerId,
    producerId: rotates ? now.nextProducerId : now.producerId,
    epoch: rotates ? 0 : now.epoch,
    nextProducerId: -1,
    partitions: new TopicPartitionMap(),
    updateMs: nowMs,
  }
}
