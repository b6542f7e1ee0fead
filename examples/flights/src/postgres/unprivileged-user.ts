import fs from 'node:fs'

export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. An existing user without rights is taken, none is made; `undefined` when this
 * process is not
 * root and the server may run as it is.
 */
export function serverUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid = '', gid = '']) => ({ name, uid: Number(uid), gid: Number(gid) }))
  for (const wanted of ['postgres', 'nobody', 'daemon']) {
    const user = users.find((candidate) => candidate.name === wanted && candidate.uid > 0)
    if (user !== undefined) return user
  }
  throw new Error('PostgreSQL cannot run as root and there is no user postgres or nobody here. Set DATABASE_URL.')
}
