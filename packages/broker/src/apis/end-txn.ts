import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'
import { fencedCode, joinsByWriting } from './transaction-codes.ts'

const firstVersionWithProducerFenced = 2
const firstVersionThatRaisesEpochs = 5

/** Answered when the decision survives a power cut and readers see it. */
export const answerEndTxn: Handler<'endTxn'> = async (engine, context, request) => {
  const { transactionalId, producerId, producerEpoch, committed } = request
  const version = joinsByWriting(engine, context, firstVersionThatRaisesEpochs) ? 2 : 0
  const claim = { transactionalId, producerId, epoch: producerEpoch }
  const ended = await engine.transactions.end(claim, committed, version)
  if ('refused' in ended) {
    const code = fencedCode(ended.refused, context.apiVersion >= firstVersionWithProducerFenced)
    return { throttleTimeMs: 0, errorCode: wire(code), producerId: -1, producerEpoch: -1 }
  }
  const next = version === 2 ? ended : { producerId: -1, epoch: -1 }
  return { throttleTimeMs: 0, errorCode: 0, producerId: next.producerId, producerEpoch: next.epoch }
}
