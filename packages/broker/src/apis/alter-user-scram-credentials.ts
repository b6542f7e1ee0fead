import { Buffer } from 'node:buffer'
import { kafkaError } from '@millrace/kernel'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { credentialOf, type ScramMechanism, scramIterations, scramMechanisms } from '@millrace/protocol/internal'
import type { UserChange, Users } from '../auth/users.ts'
import type { Handler } from '../engine.ts'
import { wireError } from '../wire-error.ts'

type Request = RequestOf<'alterUserScramCredentials'>
type Answer = ResponseOf<'alterUserScramCredentials'>['results'][number]
type Change = Request['deletions'][number] | Request['upsertions'][number]

const nameMost = 512

/**
 * Sets and removes credentials of users (KIP-554): all changes of one user or none. The client sends the salted
 * password, never the password. Durable when answered.
 */
export const answerAlterUserScramCredentials: Handler<'alterUserScramCredentials'> = async (
  { security, ports },
  _context,
  request,
) => {
  const byUser = new Map<string, Change[]>()
  for (const change of [...request.deletions, ...request.upsertions]) {
    const changes = byUser.get(change.name)
    if (changes === undefined) byUser.set(change.name, [change])
    else changes.push(change)
  }
  const results: Answer[] = []
  for (const [user, changes] of byUser) {
    try {
      await security.users.change(checked(security.users, user, changes))
      ports.log.info('credentials changed', { user })
      results.push({ user, errorCode: 0, errorMessage: null })
    } catch (error) {
      results.push({ user, ...wireError(error) })
    }
  }
  return { throttleTimeMs: 0, results }
}

function checked(users: Users, user: string, changes: readonly Change[]): UserChange[] {
  const place = `user ${user}`
  if (user === '') throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, 'Username must not be empty')
  if (user.length > nameMost) throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, 'Username is too long')
  const seen = new Set<number>()
  return changes.map((change) => {
    if (seen.has(change.mechanism)) throw kafkaError('DUPLICATE_RESOURCE', place, 'A mechanism is named twice.')
    seen.add(change.mechanism)
    const mechanism = mechanismOf(change.mechanism, place)
    if ('saltedPassword' in change) return { name: user, mechanism, credential: credentialIn(mechanism, change, place) }
    if (users.credential(user, mechanism) === undefined) {
      const why = 'Attempt to delete a user credential that does not exist'
      throw kafkaError('RESOURCE_NOT_FOUND', place, why)
    }
    return { name: user, mechanism, credential: undefined }
  })
}

function credentialIn(mechanism: ScramMechanism, change: Request['upsertions'][number], place: string) {
  const { iterations, salt, saltedPassword } = change
  const { least, most } = scramIterations
  if (iterations < least) throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, `Too few iterations: ${least} at least.`)
  if (iterations > most) throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, `Too many iterations: ${most} at most.`)
  if (salt.length === 0) throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, 'The salt is empty.')
  if (saltedPassword.length !== scramMechanisms[mechanism].bytes) {
    throw kafkaError('UNACCEPTABLE_CREDENTIAL', place, 'The salted password has another size than the mechanism makes.')
  }
  return credentialOf(mechanism, saltedPassword, Buffer.from(salt), iterations) // not a window on the request
}

function mechanismOf(number: number, place: string): ScramMechanism {
  if (number === scramMechanisms['SCRAM-SHA-256'].wire) return 'SCRAM-SHA-256'
  if (number === scramMechanisms['SCRAM-SHA-512'].wire) return 'SCRAM-SHA-512'
  throw kafkaError('UNSUPPORTED_SASL_MECHANISM', place, `${number} is no SCRAM mechanism.`)
}
