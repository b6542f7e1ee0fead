import type { ResponseOf } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'
import { wire, wireError } from '../wire-error.ts'
import { fencedCode } from './transaction-codes.ts'

const firstVersionWithProducerFenced = 4

/**
 * A producer id and epoch. Without a transactional id it is a new id each time, as in Kafka also where the producer
 * asks for a higher epoch. With one, the producers before it are fenced.
 */
export const answerInitProducerId: Handler<'initProducerId'> = async (engine, context, request) => {
  const { transactionalId, producerId, producerEpoch } = request
  if (transactionalId === null) {
    try {
      return answer(0, await engine.producerIds.next(), 0)
    } catch (error) {
      engine.ports.log.error('no producer id could be reserved', { error })
      return answer(wireError(error).errorCode)
    }
  }
  const hasId = producerId !== -1
  if (hasId !== (producerEpoch !== -1)) return answer(wire('INVALID_REQUEST'))
  const claim = hasId ? { producerId, epoch: producerEpoch } : undefined
  const made = await engine.transactions.init(transactionalId, request.transactionTimeoutMs, claim)
  if (!('refused' in made)) return answer(0, made.producerId, made.epoch)
  return answer(wire(fencedCode(made.refused, context.apiVersion >= firstVersionWithProducerFenced)))
}

function answer(errorCode: number, producerId = -1, producerEpoch = -1): ResponseOf<'initProducerId'> {
  return {
    throttleTimeMs: 0,
    errorCode,
    producerId,
    producerEpoch,
    ongoingTxnProducerId: -1,
    ongoingTxnProducerEpoch: -1,
  }
}
