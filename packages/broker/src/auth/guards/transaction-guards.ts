import { fill, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'
import { wire } from '../../wire-error.ts'
import { type Asker, all, denied, type Guard, split } from './guard.ts'

function mayWrite({ rights }: Asker, { transactionalId }: { readonly transactionalId: string }): boolean {
  return rights.may('write', 'transactionalId', transactionalId)
}

/** Idempotence alone: a right of its own, or that to write to any topic (KIP-679). */
export const guardInitProducerId: Guard<'initProducerId'> = ({ rights }, request, next) => {
  const { transactionalId, enable2Pc } = request
  const refuse = (errorCode: number) =>
    fill('initProducerId', 'response', { errorCode, producerId: -1, producerEpoch: -1 })
  if (transactionalId === null) {
    const may = rights.mayOnCluster('idempotentWrite', 'quietly') || rights.mayOnSome('write', 'topic')
    return may || rights.mayOnCluster('idempotentWrite') ? next(request) : refuse(denied.cluster)
  }
  const may =
    rights.may('write', 'transactionalId', transactionalId) &&
    (!enable2Pc || rights.may('twoPhaseCommit', 'transactionalId', transactionalId))
  return may ? next(request) : refuse(denied.transactionalId)
}

export const guardAddOffsetsToTxn: Guard<'addOffsetsToTxn'> = (asker, request, next) => {
  const refuse = (errorCode: number) => fill('addOffsetsToTxn', 'response', { errorCode })
  if (!mayWrite(asker, request)) return refuse(denied.transactionalId)
  return asker.rights.may('read', 'group', request.groupId) ? next(request) : refuse(denied.group)
}

export const guardEndTxn: Guard<'endTxn'> = all<'endTxn'>(mayWrite, () =>
  fill('endTxn', 'response', { errorCode: denied.transactionalId }),
)

/** For brokers, and for administrators who end a transaction that hangs (KIP-664). */
export const guardWriteTxnMarkers: Guard<'writeTxnMarkers'> = ({ rights }, request, next) => {
  const may = rights.mayOnCluster('alter', 'quietly') || rights.mayOnCluster('clusterAction')
  if (may) return next(request)
  return fill('writeTxnMarkers', 'response', {
    markers: request.markers.map(({ producerId, topics }) => ({
      producerId,
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: denied.cluster })),
      })),
    })),
  })
}

type Transaction = RequestOf<'addPartitionsToTxn'>['transactions'][number]
type TransactionResult = ResponseOf<'addPartitionsToTxn'>['resultsByTransaction'][number]

/** The batched form is for brokers. A topic that may not be written keeps its whole transaction from being added to. */
export const guardAddPartitionsToTxn: Guard<'addPartitionsToTxn'> = async (asker, request, next) => {
  const { rights, context } = asker
  if (context.apiVersion >= 4 && !rights.mayOnCluster('clusterAction')) {
    return fill('addPartitionsToTxn', 'response', { errorCode: denied.cluster })
  }
  const refused: TransactionResult[] = []
  const allowed: Transaction[] = []
  for (const transaction of request.transactions) {
    if (context.apiVersion < 4 && !mayWrite(asker, transaction)) {
      refused.push(refuse(transaction, () => denied.transactionalId))
      continue
    }
    const strange = new Set(split(transaction.topics, ({ name }) => rights.may('write', 'topic', name)).denied)
    if (strange.size === 0) allowed.push(transaction)
    else {
      const untried = wire('OPERATION_NOT_ATTEMPTED')
      refused.push(refuse(transaction, (topic) => (strange.has(topic) ? denied.topic : untried)))
    }
  }
  if (refused.length === 0) return await next(request)
  if (allowed.length === 0) return fill('addPartitionsToTxn', 'response', { resultsByTransaction: refused })
  const answered = await next({ ...request, transactions: allowed })
  return { ...answered, resultsByTransaction: [...answered.resultsByTransaction, ...refused] }
}

function refuse(
  { transactionalId, topics }: Transaction,
  why: (topic: Transaction['topics'][number]) => number,
): TransactionResult {
  const topicResults = topics.map((topic) => ({
    name: topic.name,
    resultsByPartition: topic.partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: why(topic) })),
  }))
  return { transactionalId, topicResults }
}

export const guardTxnOffsetCommit: Guard<'txnOffsetCommit'> = async (asker, request, next) => {
  const { rights } = asker
  const refuse = (topics: RequestOf<'txnOffsetCommit'>['topics'], errorCode: number) =>
    fill('txnOffsetCommit', 'response', {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    })
  if (!mayWrite(asker, request)) return refuse(request.topics, denied.transactionalId)
  if (!rights.may('read', 'group', request.groupId)) return refuse(request.topics, denied.group)
  const parts = split(request.topics, ({ name }) => rights.may('read', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const refused = refuse(parts.denied, denied.topic)
  if (parts.allowed.length === 0) return refused
  const answered = await next({ ...request, topics: parts.allowed })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

/** Of the topics of a transaction only those that may be described. */
export const guardDescribeTransactions: Guard<'describeTransactions'> = async ({ rights }, request, next) => {
  const parts = split(request.transactionalIds, (id) => rights.may('describe', 'transactionalId', id))
  const refused = fill('describeTransactions', 'response', {
    transactionStates: parts.denied.map((transactionalId) => ({ transactionalId, errorCode: denied.transactionalId })),
  })
  if (parts.allowed.length === 0 && parts.denied.length > 0) return refused
  const answered = await next({ ...request, transactionalIds: parts.allowed })
  const shown = answered.transactionStates.map((state) => ({
    ...state,
    topics: state.topics.filter(({ topic }) => rights.may('describe', 'topic', topic, 'quietly')),
  }))
  return { ...answered, transactionStates: [...shown, ...refused.transactionStates] }
}

export const guardListTransactions: Guard<'listTransactions'> = async ({ rights }, request, next) => {
  const answered = await next(request)
  const transactionStates = answered.transactionStates.filter(({ transactionalId }) =>
    rights.may('describe', 'transactionalId', transactionalId, 'quietly'),
  )
  return { ...answered, transactionStates }
}
