import { resolve } from 'node:path'
import { dataDirectory, refuseUnknown } from './checked-options.ts'
import { remoteCluster } from './cluster.ts'
import { Millrace, type MillraceOptions } from './millrace.ts'
import { nodePorts } from './node-ports.ts'
import { pinoLog } from './ports/pino-log.ts'

export interface ConnectMillraceOptions extends Pick<MillraceOptions, 'log' | 'execArgv'> {
  /** `host:port` of one or more brokers of the cluster. */
  readonly bootstrap: readonly string[]
  /** The state of applications lies here; made where it is missing. */
  readonly data: string
}

/**
 * Connectors and stream applications of one process, on a cluster that runs elsewhere: `millrace server`, or Apache Kafka.
 *
 * @throws CONFIG for an address that is none; CONNECTION_REFUSED when no broker answers.
 */
export async function connectMillrace(options: ConnectMillraceOptions): Promise<Millrace> {
  refuseUnknown('millrace', options, ['bootstrap', 'data', 'log', 'execArgv'])
  const data = resolve(dataDirectory('millrace', options.data))
  const ports = nodePorts(options.log ?? pinoLog('warn'), { execArgv: options.execArgv })
  const millrace = new Millrace(data, ports, remoteCluster(options.bootstrap, ports))
  const admin = millrace.client.admin()
  try {
    await admin.describeCluster()
    return millrace
  } catch (error) {
    await millrace.close()
    throw error
  } finally {
    await admin.close()
  }
}
