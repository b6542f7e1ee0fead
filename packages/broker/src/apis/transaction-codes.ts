import type { KafkaErrorCode } from '@millrace/kernel'
import type { RequestContext } from '@millrace/protocol/internal'
import type { Engine } from '../engine.ts'

/** PRODUCER_FENCED as older clients know it. */
export function fencedCode(code: KafkaErrorCode, isKnown: boolean): KafkaErrorCode {
  return code === 'PRODUCER_FENCED' && !isKnown ? 'INVALID_PRODUCER_EPOCH' : code
}

/** A partition joins the transaction when it is written to: the request is of a version that promises it (KIP-890). */
export function joinsByWriting({ settings }: Engine, { apiVersion }: RequestContext, from: number): boolean {
  return settings['transaction.version'] >= 2 && apiVersion >= from
}
