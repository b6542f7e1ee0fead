import { type Counter, kafkaError, MillraceError } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { ApiName, RequestHandler } from '@millrace/protocol/internal'
import { guarded } from './auth/guards.ts'
import { openSecurity, type Security } from './auth/security.ts'
import type { BrokerPorts } from './broker-ports.ts'
import { Endpoints } from './endpoints.ts'
import type { Engine, Handler } from './engine.ts'
import { FetchSessions } from './fetch-sessions/fetch-sessions.ts'
import { GroupCoordinator } from './group/group-coordinator.ts'
import { ProducerIds } from './producer-ids.ts'
import { ReadAheads } from './read-ahead/read-aheads.ts'
import { type Routes, routes } from './routes.ts'
import { type GivenSettings, readSettings, type Settings } from './settings.ts'
import { TopicNames } from './topic-names.ts'
import { TransactionCoordinator } from './transaction/transaction-coordinator.ts'

export interface BrokerOptions {
  /** The data directory, open. It stays the caller's: the broker does not close it. */
  readonly directory: LogDirectory
  readonly ports: BrokerPorts
  /** By Kafka's names; see `settingsTable`. */
  readonly settings?: GivenSettings | undefined
}

/** The broker without a network: its door, and what it was told. `serve` opens a port to it. */
export interface Broker {
  readonly handler: RequestHandler
  readonly settings: Settings
  readonly ports: BrokerPorts
  readonly endpoints: Endpoints
  readonly security: Security
  /** Ends what waits, with COORDINATOR_NOT_AVAILABLE. Idempotent. The directory is still to be closed. */
  close(): Promise<void>
}

/**
 * Starts a broker on a data directory: reads all groups and transactions from it, completes those that are decided,
 * then answers.
 *
 * @throws CONFIG for a setting that is unknown or out of range.
 */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const settings = readSettings(options.settings)
  for (const { name, doc } of settings.ignored) {
    options.ports.log.warn('a setting of Apache Kafka has no effect', { setting: name, why: doc })
  }
  const security = await openSecurity(options.directory.path, options.ports, settings)
  try {
    return await open(options, settings, security)
  } catch (error) {
    await security.close()
    throw error
  }
}

async function open({ directory, ports }: BrokerOptions, settings: Settings, security: Security): Promise<Broker> {
  const endpoints = new Endpoints()
  const producerIds = new ProducerIds(ports.disk, directory.path)
  const groups = await GroupCoordinator.open(directory, ports, settings)
  const { offsets } = groups
  const transactions = await TransactionCoordinator.open({ directory, ports, settings, producerIds, offsets })
  const engine: Engine = {
    directory,
    ports,
    settings,
    endpoints,
    topicNames: new TopicNames(directory),
    producerIds,
    groups,
    transactions,
    security,
    fetchSessions: new FetchSessions(ports, settings['max.incremental.fetch.session.cache.slots']),
    readAheads: new ReadAheads(directory, ports, settings['fetch.read.ahead.max.bytes']),
  }
  let closed = false
  return {
    handler: requestHandler(engine, routes, () => closed),
    settings,
    ports,
    endpoints,
    security,
    async close() {
      closed = true
      engine.transactions.close()
      engine.groups.close()
      await security.close()
    },
  }
}

function requestHandler(engine: Engine, table: Routes, isClosed: () => boolean): RequestHandler {
  const counters = new Map<ApiName, Counter>()
  const count = (api: ApiName) => {
    const known = counters.get(api)
    if (known !== undefined) return known.add()
    const made = engine.ports.metrics.counter('millrace_broker_requests_total', 'Requests taken by the broker', { api })
    counters.set(api, made)
    return made.add()
  }
  return {
    async handle(context, api, request) {
      if (isClosed()) throw new MillraceError('CLOSED', 'the broker is closed', { place: api })
      count(api)
      const route: Handler<typeof api> | undefined = table[api]
      if (route === undefined) throw kafkaError('UNSUPPORTED_VERSION', api, 'This broker does not offer it.')
      return await guarded(engine, context, api, request, route)
    },
  }
}
