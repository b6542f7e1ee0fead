import { type Client, createClient, tcpTransport } from '@millrace/client'
import { codeOf, MillraceError } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import type { Transport } from '@millrace/protocol/internal'
import { type ClientSecurity, clientSecurity } from './client-properties.ts'
import { naming } from './directory-in-use.ts'
import { usualAddress } from './usual-address.ts'

/** Where a command finds its topics: with brokers that run, or in a directory that it opens itself. */
export interface ClusterChoice {
  readonly bootstrap?: readonly string[] | undefined
  readonly data?: string | undefined
  /** A file that says how to log in. */
  readonly commandConfig?: string | undefined
}

/** A cluster as a command uses it: opened, used, closed. */
export interface ChosenCluster {
  readonly client: Client
  readonly transport: Transport
  close(): Promise<void>
}

/**
 * @param directories whether a data directory that is missing is made
 * @throws CONNECTION_REFUSED, DIRECTORY_IN_USE with what to do about it
 */
export async function openCluster(
  choice: ClusterChoice,
  directories: 'existing' | 'made' = 'existing',
): Promise<ChosenCluster> {
  const ports = nodePorts({ log: nodeLog({ level: 'warn' }) })
  if (choice.data === undefined) {
    const bootstrap = choice.bootstrap ?? [usualAddress]
    const security = clientSecurity(choice.commandConfig)
    await reach(bootstrap, security)
    const transport = tcpTransport({ bootstrap, ports, ...security })
    const client = createClient({ transport, ports })
    return { client, transport, close: () => client.close() }
  }
  const directory = choice.data
  const { startEngine } = await import('@millrace/embedded')
  const { logDirectory } = await import('./data-directory.ts')
  if (directories === 'existing' && !ports.disk.exists(logDirectory(directory))) {
    const fix = 'Name the DIR of a server or a run, or ask a running one with --bootstrap HOST:PORT.'
    throw new MillraceError('CONFIG', 'holds no topics', { place: directory, fix })
  }
  const engine = await naming(() => startEngine({ directory: logDirectory(directory), ports }))
  const transport = engine.loopback()
  const client = createClient({ transport, ports })
  return {
    client,
    transport,
    async close() {
      await client.close()
      await engine.close()
    },
  }
}

const noLogin: ReadonlySet<string | undefined> = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
])

/**
 * One connection, at once: somebody at a terminal should not wait while a client tries again and again.
 *
 * @throws CONNECTION_REFUSED naming the addresses when none of them answers
 */
export async function reach(bootstrap: readonly string[], security: ClientSecurity = {}): Promise<void> {
  const ports = nodePorts({ log: nodeLog({ level: 'warn' }) })
  const transport = tcpTransport({ bootstrap, ports, clientId: 'millrace-command', ...security })
  let last: unknown
  for (const node of transport.bootstrap) {
    try {
      const connection = await transport.connect(node)
      await connection.close()
      return
    } catch (error) {
      if (noLogin.has(codeOf(error))) throw error // somebody answered, and said why not
      last = error
    }
  }
  const place = bootstrap.join(',')
  const fix = 'Start one with: millrace server --listen HOST:PORT --data DIR'
  const problem = codeOf(last) === 'CONNECTION_REFUSED' ? 'no broker answers' : 'no broker answers as Kafka does'
  throw new MillraceError('CONNECTION_REFUSED', problem, { place, fix, cause: last })
}
