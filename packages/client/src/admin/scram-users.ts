import { pbkdf2 } from 'node:crypto'
import { configError } from '@millrace/kernel'
import type { Partially, RequestOf } from '@millrace/protocol/internal'
import type { ScramCredential, ScramMechanism, ScramUser } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'

/** Kafka's ScramMechanism, with the hash and the fewest iterations it takes. */
const mechanisms = {
  'SCRAM-SHA-256': { wire: 1, hash: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { wire: 2, hash: 'sha512', bytes: 64 },
} as const

const iterationsMin = 4_096
const saltBytes = 32

export async function describeScramUsers(
  link: AdminLink,
  names: readonly string[] | undefined,
  options: CallOptions,
): Promise<readonly ScramUser[]> {
  const users = names === undefined ? null : names.map((name) => ({ name }))
  const answer = await link.retrying(options, async () => {
    const told = await link.askController('describeUserScramCredentials', { users }, options)
    throwIfError(told.errorCode, 'SCRAM users', told.errorMessage ?? undefined)
    return told
  })
  return answer.results.map((row) => {
    throwIfError(row.errorCode, `user ${row.user}`, row.errorMessage ?? undefined)
    const credentials = row.credentialInfos.map(({ mechanism, iterations }) => ({
      mechanism: mechanismOf(mechanism),
      iterations,
    }))
    return { name: row.user, credentials }
  })
}

/** The password itself does not leave this process. */
export async function setScramUser(
  link: AdminLink,
  name: string,
  credential: ScramCredential,
  options: CallOptions,
): Promise<void> {
  const { mechanism = 'SCRAM-SHA-512', iterations = iterationsMin, password } = credential
  const kind = kindOf(mechanism)
  if (!Number.isInteger(iterations) || iterations < iterationsMin || iterations > 16_384) {
    throw configError('user.iterations', 'is out of range', iterations, 'Give a whole number from 4096 to 16384.')
  }
  if (password === '') throw configError('user.password', 'is empty', '', 'Give one.')
  const salt = link.cluster.ports.random.bytes(saltBytes)
  const saltedPassword = await salted(password.normalize('NFKC'), salt, iterations, kind)
  const upsertion = { name, mechanism: kind.wire, iterations, salt, saltedPassword }
  await alter(link, { upsertions: [upsertion] }, options)
}

export function deleteScramUser(
  link: AdminLink,
  name: string,
  mechanism: ScramMechanism,
  options: CallOptions,
): Promise<void> {
  return alter(link, { deletions: [{ name, mechanism: kindOf(mechanism).wire }] }, options)
}

type Change = Partially<RequestOf<'alterUserScramCredentials'>>

async function alter(link: AdminLink, change: Change, options: CallOptions): Promise<void> {
  await link.retrying(options, async () => {
    const answer = await link.askController('alterUserScramCredentials', change, options)
    for (const row of answer.results) throwIfError(row.errorCode, `user ${row.user}`, row.errorMessage ?? undefined)
  })
}

function salted(
  password: string,
  salt: Uint8Array,
  iterations: number,
  { hash, bytes }: { readonly hash: string; readonly bytes: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, bytes, hash, (error, key) => (error === null ? resolve(key) : reject(error)))
  })
}

function kindOf(mechanism: ScramMechanism) {
  const kind = Object.hasOwn(mechanisms, mechanism) ? mechanisms[mechanism] : undefined
  if (kind !== undefined) return kind
  throw configError('user.mechanism', 'is not known', mechanism, 'Give SCRAM-SHA-256 or SCRAM-SHA-512.')
}

function mechanismOf(wire: number): ScramMechanism {
  return wire === mechanisms['SCRAM-SHA-256'].wire ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512'
}
