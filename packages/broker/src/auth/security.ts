import { configError, MillraceError } from '@millrace/kernel'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import { AclStore } from './acl-store.ts'
import { Authorizer } from './authorizer.ts'
import { SecurityLog } from './security-log.ts'
import { Users } from './users.ts'

/** Who there is, and who may do what. */
export interface Security {
  readonly users: Users
  readonly acls: AclStore
  readonly authorizer: Authorizer
  close(): Promise<void>
}

const standardAuthorizer = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
const authorizers: ReadonlySet<string> = new Set(['acl', standardAuthorizer])

/** Reads users and ACLs of a data directory. @throws CONFIG, CORRUPT_FILE, and what opening a log throws */
export async function openSecurity(dataPath: string, ports: BrokerPorts, settings: Settings): Promise<Security> {
  const options = authorizerOptions(settings)
  const log = new SecurityLog(dataPath, ports)
  const users = new Users(log, ports.random)
  const acls = new AclStore(log)
  try {
    await log.load((record) => {
      if (users.take(record) || acls.take(record)) return
      const type = String(record.key['type'])
      throw new MillraceError('CORRUPT_FILE', `a record of type "${type}" is not known`, { place: '__security' })
    })
  } catch (error) {
    await log.close()
    throw error
  }
  acls.loaded()
  const authorizer = new Authorizer(acls, options, ports)
  acls.onChange(() => authorizer.changed())
  return { users, acls, authorizer, close: () => log.close() }
}

function authorizerOptions(settings: Settings) {
  const name = settings['authorizer.class.name']
  if (name !== '' && !authorizers.has(name)) {
    throw configError('authorizer.class.name', 'is not one we have', name, `Write acl, or ${standardAuthorizer}.`)
  }
  const superUsers = settings['super.users'].split(';').map((user) => user.trim())
  for (const user of superUsers) {
    if (user === '' || /^User:./.test(user)) continue
    throw configError('super.users', 'names users as User:NAME, semicolons between several', user)
  }
  return {
    enabled: name !== '',
    superUsers: new Set(superUsers.filter((user) => user !== '')),
    openWithoutAcl: settings['allow.everyone.if.no.acl.found'],
  }
}
