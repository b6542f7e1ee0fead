import type { ResponseOf } from '@millrace/protocol/internal'
import { scramMechanisms } from '@millrace/protocol/internal'
import type { Users } from '../auth/users.ts'
import type { Handler } from '../engine.ts'
import { refusal } from '../wire-error.ts'

type Answer = ResponseOf<'describeUserScramCredentials'>['results'][number]

/** Which mechanisms users have credentials for; nothing of the credentials themselves. Null or no names: all users. */
export const answerDescribeUserScramCredentials: Handler<'describeUserScramCredentials'> = (
  { security },
  _context,
  request,
) => {
  const asked = request.users?.map(({ name }) => name) ?? []
  const twice = new Set(asked.filter((name, i) => asked.indexOf(name) !== i))
  const names = asked.length === 0 ? security.users.names() : [...new Set(asked)]
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    results: names.map((name) => (twice.has(name) ? namedTwice(name) : describe(security.users, name))),
  }
}

function describe(users: Users, user: string): Answer {
  const credentials = users.credentials(user)
  if (credentials === undefined) {
    const why = `Attempt to describe a user credential that does not exist: ${user}`
    return { user, ...refusal('RESOURCE_NOT_FOUND', why), credentialInfos: [] }
  }
  return {
    user,
    errorCode: 0,
    errorMessage: null,
    credentialInfos: [...credentials].map(([name, { iterations }]) => ({
      mechanism: scramMechanisms[name].wire,
      iterations,
    })),
  }
}

function namedTwice(user: string): Answer {
  const why = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
  return { user, ...refusal('DUPLICATE_RESOURCE', why), credentialInfos: [] }
}
