import type { Handler } from '../engine.ts'
import { wire, wireError } from '../wire-error.ts'

/**
 * A new id for an idempotent producer; as in Kafka, also where it asks for a higher epoch. Transactions are not
 * offered yet.
 */
export const answerInitProducerId: Handler<'initProducerId'> = async (engine, _context, request) => {
  if (request.transactionalId !== null) {
    engine.ports.log.warn('a transactional producer was refused: transactions are not offered', {
      transactionalId: request.transactionalId,
    })
    return answer(wire('UNSUPPORTED_VERSION'), -1)
  }
  try {
    return answer(0, await engine.producerIds.next())
  } catch (error) {
    engine.ports.log.error('no producer id could be reserved', { error })
    return answer(wireError(error).errorCode, -1)
  }
}

function answer(errorCode: number, producerId: number) {
  return {
    throttleTimeMs: 0,
    errorCode,
    producerId,
    producerEpoch: errorCode === 0 ? 0 : -1,
    ongoingTxnProducerId: -1,
    ongoingTxnProducerEpoch: -1,
  }
}
