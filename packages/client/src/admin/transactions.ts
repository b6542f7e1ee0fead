import { kafkaError, offset, partitionName, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type {
  ActiveProducer,
  HangingTransaction,
  ListedTransaction,
  TransactionDescription,
  TransactionFilter,
} from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'
import { byTopic } from './topics.ts'

/** Of every coordinator. */
export async function listTransactions(
  link: AdminLink,
  filter: TransactionFilter,
  options: CallOptions,
): Promise<readonly ListedTransaction[]> {
  const request = {
    stateFilters: filter.states ?? [],
    producerIdFilters: filter.producerIds ?? [],
    durationFilter: filter.longerThanMs ?? -1,
    transactionalIdPattern: filter.pattern ?? null,
  }
  const answers = await link.askAll('listTransactions', request, options)
  return answers.flatMap(({ nodeId, answer }) => {
    throwIfError(answer.errorCode, `broker ${nodeId}`)
    return answer.transactionStates.map(({ transactionalId, producerId, transactionState: state }) => ({
      transactionalId,
      producerId,
      state,
      coordinator: nodeId,
    }))
  })
}

export function describeTransaction(
  link: AdminLink,
  transactionalId: string,
  options: CallOptions,
): Promise<TransactionDescription> {
  const place = `transactional id ${transactionalId}`
  return link.withCoordinator('transaction', transactionalId, options, async (connection) => {
    const request = { transactionalIds: [transactionalId] }
    const answer = await link.ask(connection, 'describeTransactions', request, options)
    const row = answer.transactionStates[0]
    if (row === undefined) throw kafkaError('TRANSACTIONAL_ID_NOT_FOUND', place)
    throwIfError(row.errorCode, place)
    return {
      transactionalId,
      state: row.transactionState,
      producerId: row.producerId,
      producerEpoch: row.producerEpoch,
      timeoutMs: row.transactionTimeoutMs,
      startedMs: row.transactionStartTimeMs < 0 ? undefined : row.transactionStartTimeMs,
      partitions: row.topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    }
  })
}

/** At each partition's leader. */
export async function describeProducers(
  link: AdminLink,
  partitions: readonly TopicPartition[],
  options: CallOptions,
): Promise<TopicPartitionMap<readonly ActiveProducer[]>> {
  const found = new TopicPartitionMap<readonly ActiveProducer[]>()
  await link.retrying(options, async () => {
    const left = partitions.filter(({ topic, partition }) => !found.has(topic, partition))
    for (const [leader, list] of await byLeader(link, left)) {
      const topics = [...byTopic(list)].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
      const answer = await link.ask(await link.cluster.to(leader), 'describeProducers', { topics }, options)
      for (const { name, partitions: rows } of answer.topics) {
        for (const row of rows) {
          throwIfError(row.errorCode, partitionName(name, row.partitionIndex), row.errorMessage ?? undefined)
          found.set(name, row.partitionIndex, row.activeProducers.map(activeProducer))
        }
      }
    }
  })
  return found
}

function activeProducer(row: {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: number
}): ActiveProducer {
  const { producerId, producerEpoch, lastSequence, lastTimestamp, coordinatorEpoch, currentTxnStartOffset } = row
  return {
    producerId,
    producerEpoch,
    lastSequence,
    lastTimestampMs: lastTimestamp,
    coordinatorEpoch,
    openSince: currentTxnStartOffset < 0 ? undefined : offset(currentTxnStartOffset),
  }
}

/** Writes the abort marker of a transaction that its coordinator has forgotten. As Java's abortTransaction. */
export function abortTransaction(
  link: AdminLink,
  { topic, partition, producerId, producerEpoch, coordinatorEpoch }: HangingTransaction,
  options: CallOptions,
): Promise<void> {
  const place = partitionName(topic, partition)
  return link.retrying(options, async () => {
    const [[leader] = []] = await byLeader(link, [{ topic, partition }])
    if (leader === undefined) throw kafkaError('LEADER_NOT_AVAILABLE', place)
    const topics = [{ name: topic, partitionIndexes: [partition] }]
    // A producer that never had a coordinator's marker is known with epoch -1: the first coordinator is 0.
    const epoch = Math.max(0, coordinatorEpoch)
    const marker = { producerId, producerEpoch, transactionResult: false, topics, coordinatorEpoch: epoch }
    const connection = await link.cluster.to(leader)
    const answer = await link.ask(connection, 'writeTxnMarkers', { markers: [marker] }, options)
    for (const { topics: rows } of answer.markers) {
      for (const row of rows.flatMap(({ partitions }) => partitions)) throwIfError(row.errorCode, place)
    }
  })
}

/** @throws UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE */
async function byLeader(
  link: AdminLink,
  partitions: readonly TopicPartition[],
): Promise<Map<number, TopicPartition[]>> {
  await link.cluster.refresh(new Set(partitions.map(({ topic }) => topic)))
  const leaders = new Map<number, TopicPartition[]>()
  for (const at of partitions) {
    const leader = link.cluster.partition(at.topic, at.partition)?.leader
    const place = partitionName(at.topic, at.partition)
    if (leader === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', place)
    if (leader < 0) throw kafkaError('LEADER_NOT_AVAILABLE', place)
    const list = leaders.get(leader)
    if (list === undefined) leaders.set(leader, [at])
    else list.push(at)
  }
  return leaders
}
