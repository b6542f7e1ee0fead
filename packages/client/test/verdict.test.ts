import { errorTable, isKafkaErrorCode, kafkaError, MillraceError } from '@millrace/kernel'
import { describe, expect, it } from 'vitest'
import { verdictOn } from '../src/producer/verdict.ts'

const attempt = { idempotent: true, transactional: false, firstInLine: true, records: 10, expired: false }

describe('verdict on a failed produce', () => {
  it('has one for every error of Kafka, and never retries what has expired', () => {
    for (const code of Object.keys(errorTable).filter(isKafkaErrorCode)) {
      const late = verdictOn(kafkaError(code, 'p'), { ...attempt, expired: true })
      expect(['fail', 'fatal', 'split', 'delivered']).toContain(late)
    }
  })

  it('waits its turn when an earlier batch is missing, and starts anew when it was the first', () => {
    const error = kafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'p')
    expect(verdictOn(error, { ...attempt, firstInLine: false })).toBe('retry')
    expect(verdictOn(error, attempt)).toBe('new-identity')
    expect(verdictOn(error, { ...attempt, idempotent: false })).toBe('fail')
  })

  it('takes a batch that the broker has already for delivered', () => {
    expect(verdictOn(kafkaError('DUPLICATE_SEQUENCE_NUMBER', 'p'), attempt)).toBe('delivered')
  })

  it('halves what is too large until one record is left', () => {
    const error = kafkaError('MESSAGE_TOO_LARGE', 'p')
    expect(verdictOn(error, attempt)).toBe('split')
    expect(verdictOn(error, { ...attempt, records: 1 })).toBe('fail')
  })

  it('asks who leads after a lost connection, and fails what nobody can name', () => {
    expect(verdictOn(new MillraceError('CONNECTION_LOST', 'x'), attempt)).toBe('retry-elsewhere')
    expect(verdictOn(new TypeError('a bug'), attempt)).toBe('fail')
    expect(verdictOn(kafkaError('PRODUCER_FENCED', 'p'), attempt)).toBe('fatal')
  })
})
