import type { LogDirectory } from '@millrace/log/internal'
import type { ApiName, RequestContext, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Security } from './auth/security.ts'
import type { BrokerPorts } from './broker-ports.ts'
import type { Endpoints } from './endpoints.ts'
import type { FetchSessions } from './fetch-sessions/fetch-sessions.ts'
import type { GroupCoordinator } from './group/group-coordinator.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { ReadAheads } from './read-ahead/read-aheads.ts'
import type { Settings } from './settings.ts'
import type { TopicNames } from './topic-names.ts'
import type { TransactionCoordinator } from './transaction/transaction-coordinator.ts'

/** What the handlers of all APIs share. */
export interface Engine {
  readonly directory: LogDirectory
  readonly ports: BrokerPorts
  readonly settings: Settings
  readonly endpoints: Endpoints
  readonly topicNames: TopicNames
  readonly producerIds: ProducerIds
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly security: Security
  readonly fetchSessions: FetchSessions
  readonly readAheads: ReadAheads
}

/**
 * Answers one API. The request is complete; the answer must be. Errors that a message can carry are in it, others are
 * thrown.
 */
export type Handler<A extends ApiName> = (
  engine: Engine,
  context: RequestContext,
  request: RequestOf<A>,
) => ResponseOf<A> | Promise<ResponseOf<A>>
