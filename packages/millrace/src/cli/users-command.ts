import type { Buffer } from 'node:buffer'
import { errorCodeOf, kafkaError, MillraceError, nearest } from '@millrace/kernel'
import { nodeRandom } from '@millrace/kernel/node'
import {
  type ApiName,
  fill,
  type RequestOf,
  type ResponseOf,
  type ScramMechanism,
  saltedPassword,
  scramIterations,
  scramMechanisms,
} from '@millrace/protocol/internal'
import { type ClusterChoice, openCluster } from './cluster-choice.ts'
import { passwordInput } from './password-input.ts'

/** Answers one request. */
type Ask = <A extends ApiName>(api: A, request: RequestOf<A>) => Promise<ResponseOf<A>>

const mechanisms = Object.keys(scramMechanisms) as ScramMechanism[]
const saltBytes = 24

export function list(options: ClusterChoice): Promise<void> {
  return withBroker(options, async (ask) => {
    for (const [user, kept] of await users(ask)) process.stdout.write(`${user}  ${kept.join(', ')}\n`)
  })
}

/** The first user is made before the first server: its directory may be missing. @throws DUPLICATE_RESOURCE */
export function add(user: string, options: ClusterChoice): Promise<void> {
  const work = async (ask: Ask) => {
    if ((await users(ask)).has(user)) {
      const fix = `To give another password: millrace users passwd ${user}.`
      throw new MillraceError('DUPLICATE_RESOURCE', 'exists already', { place: `user ${user}`, fix })
    }
    await setPassword(ask, user)
    process.stdout.write(`added ${user}\n`)
  }
  return withBroker(options, work, 'made')
}

/** @throws RESOURCE_NOT_FOUND */
export function passwd(user: string, options: ClusterChoice): Promise<void> {
  return withBroker(options, async (ask) => {
    await existing(ask, user)
    await setPassword(ask, user)
    process.stdout.write(`changed the password of ${user}\n`)
  })
}

/** @throws RESOURCE_NOT_FOUND */
export function remove(user: string, options: ClusterChoice): Promise<void> {
  return withBroker(options, async (ask) => {
    const kept = await existing(ask, user)
    const deletions = kept.map((mechanism) => ({ name: user, mechanism: scramMechanisms[mechanism].wire }))
    await alter(ask, { deletions, upsertions: [] })
    process.stdout.write(`removed ${user}\n`)
  })
}

async function withBroker(
  options: ClusterChoice,
  work: (ask: Ask) => Promise<void>,
  directories: 'existing' | 'made' = 'existing',
): Promise<void> {
  const cluster = await openCluster(options, directories)
  try {
    const [node] = cluster.transport.bootstrap
    if (node === undefined) return
    const connection = await cluster.transport.connect(node)
    try {
      await work((api, request) => connection.send(api, request))
    } finally {
      await connection.close()
    }
  } finally {
    await cluster.close()
  }
}

async function users(ask: Ask): Promise<Map<string, ScramMechanism[]>> {
  const answer = await ask('describeUserScramCredentials', { users: null })
  if (answer.errorCode !== 0) throw kafkaError(errorCodeOf(answer.errorCode), 'users', answer.errorMessage ?? undefined)
  return new Map(
    answer.results.map(({ user, credentialInfos }) => {
      const kept = credentialInfos.map(({ mechanism }) => mechanism)
      return [user, mechanisms.filter((name) => kept.includes(scramMechanisms[name].wire))]
    }),
  )
}

async function existing(ask: Ask, user: string): Promise<ScramMechanism[]> {
  const all = await users(ask)
  const kept = all.get(user)
  if (kept !== undefined) return kept
  const near = nearest(user, [...all.keys()])
  const fix = near === undefined ? `Make it: millrace users add ${user}.` : `Did you mean ${near}?`
  throw new MillraceError('RESOURCE_NOT_FOUND', 'there is no such user', { place: `user ${user}`, fix })
}

/** For every mechanism, so that it is the client's choice. The password itself goes nowhere. */
async function setPassword(ask: Ask, user: string): Promise<void> {
  const password = await passwordInput(user)
  const random = nodeRandom()
  const iterations = scramIterations.least
  const upsertions: { name: string; mechanism: number; iterations: number; salt: Buffer; saltedPassword: Buffer }[] = []
  for (const mechanism of mechanisms) {
    const salt = random.bytes(saltBytes)
    const salted = await saltedPassword(mechanism, password, salt, iterations)
    upsertions.push({
      name: user,
      mechanism: scramMechanisms[mechanism].wire,
      iterations,
      salt,
      saltedPassword: salted,
    })
  }
  await alter(ask, fill('alterUserScramCredentials', 'request', { upsertions }))
}

async function alter(ask: Ask, request: RequestOf<'alterUserScramCredentials'>): Promise<void> {
  const { results } = await ask('alterUserScramCredentials', request)
  for (const { user, errorCode, errorMessage } of results) {
    if (errorCode !== 0) throw kafkaError(errorCodeOf(errorCode), `user ${user}`, errorMessage ?? undefined)
  }
}
