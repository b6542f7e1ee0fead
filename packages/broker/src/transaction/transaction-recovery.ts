import { messageOf, type Offset, partitionName } from '@millrace/kernel'
import type { LogDirectory, PartitionLog } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { OffsetStore } from '../group/offset-store.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { isPrepared } from './transaction.ts'
import type { TransactionEnds } from './transaction-ends.ts'
import type { TransactionRegistry } from './transaction-registry.ts'
import { ongoing } from './transaction-steps.ts'

export interface RecoveryParts {
  readonly directory: LogDirectory
  readonly ports: BrokerPorts
  readonly registry: TransactionRegistry
  readonly ends: TransactionEnds
  readonly offsets: OffsetStore
}

interface OpenTransaction {
  readonly log: PartitionLog
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstOffset: Offset
}

/**
 * What a start makes of the transactions it finds: decided ones get the markers they lack, and what is open in a
 * partition belongs to the transaction of the producer that is known by this id and epoch. What belongs to nobody is
 * aborted, for nobody would ever end it.
 */
export async function recoverTransactions(parts: RecoveryParts): Promise<void> {
  const { registry, ends } = parts
  // What was read may not be on disk yet, and a marker must not come before its decision.
  await registry.log.settled()
  for (const entry of registry.all()) if (isPrepared(entry.now.state)) ends.complete(entry)
  const byProducer = new Map([...registry.all()].map((entry) => [entry.now.producerId, entry]))
  for (const open of openTransactions(parts.directory)) {
    const entry = byProducer.get(open.producerId)
    if (entry === undefined) {
      abortOrphan(parts, open, open.producerEpoch)
      continue
    }
    const { now } = entry
    if (isPrepared(now.state)) continue // a partition that does not take its marker yet
    if (open.producerEpoch < now.epoch) abortOrphan(parts, open, now.epoch)
    else if (open.producerEpoch > now.epoch) tellUnknown(parts, open)
    else {
      const { topic, partition } = open.log.at
      registry.move(entry, ongoing(now, now.version, registry.nowMs()))
      entry.now.partitions.set(topic, partition, open.log.highWatermark)
    }
  }
}

function* openTransactions(directory: LogDirectory): Generator<OpenTransaction> {
  for (const { name, partitions } of directory.topics()) {
    for (let partition = 0; partition < partitions; partition++) {
      const log = directory.partition(name, partition)
      if (log === undefined || log.lastStable >= log.highWatermark) continue
      for (const { producerId, producerEpoch, transactionFirst } of log.producers()) {
        if (transactionFirst !== undefined) yield { log, producerId, producerEpoch, firstOffset: transactionFirst }
      }
    }
  }
}

/** Whoever can tell what it is may end it: `kafka-transactions.sh abort`. */
function tellUnknown({ ports }: RecoveryParts, { log, producerId, firstOffset }: OpenTransaction): void {
  const { topic, partition } = log.at
  const said = { partition: partitionName(topic, partition), producerId, firstOffset }
  ports.log.error('a transaction is open whose state cannot be read; it stays open', said)
}

function abortOrphan(parts: RecoveryParts, open: OpenTransaction, epoch: number): void {
  const { ports, registry, offsets } = parts
  const { log, producerId, firstOffset } = open
  const { topic, partition } = log.at
  const said = { partition: partitionName(topic, partition), producerId, firstOffset }
  if (registry.log.anyLost) {
    tellUnknown(parts, open)
    return
  }
  const help = 'Transactions found open that no transactional id knows'
  ports.metrics.counter('millrace_broker_transactions_orphaned_total', help).add()
  ports.log.warn('a transaction is open that no transactional id knows; it is aborted', said)
  const marker = { producerId, producerEpoch: epoch, coordinatorEpoch: log.leaderEpoch, commit: false }
  try {
    log.appendMarker({ ...marker, transactionVersion: 1 })
    if (topic === offsetsTopic) offsets.endTransaction(partition, producerId, false)
  } catch (error) {
    ports.log.error('it could not be aborted', { ...said, reason: messageOf(error) })
  }
}
