import {
  type ApiName,
  type RequestContext,
  type RequestOf,
  type ResponseOf,
  zeroUuid,
} from '@millrace/protocol/internal'
import type { Engine } from '../../engine.ts'
import { wire } from '../../wire-error.ts'
import type { OperationName } from '../acl.ts'
import type { Rights } from '../authorizer.ts'

/** Who asks. */
export interface Asker {
  readonly rights: Rights
  readonly engine: Engine
  readonly context: RequestContext
}

/**
 * Stands before a handler: hands on what may be done, answers the rest, and puts the two together. Only asked when
 * rights are limited.
 */
export type Guard<A extends ApiName> = (
  asker: Asker,
  request: RequestOf<A>,
  next: (allowed: RequestOf<A>) => Promise<ResponseOf<A>>,
) => ResponseOf<A> | Promise<ResponseOf<A>>

/** All of a request or nothing of it. */
export function all<A extends ApiName>(
  isAllowed: (asker: Asker, request: RequestOf<A>) => boolean,
  denied: (request: RequestOf<A>) => ResponseOf<A>,
): Guard<A> {
  return (asker, request, next) => (isAllowed(asker, request) ? next(request) : denied(request))
}

/** A request about the cluster as a whole. */
export function cluster<A extends ApiName>(
  operation: OperationName,
  denied: (errorCode: number, request: RequestOf<A>) => ResponseOf<A>,
): Guard<A> {
  const isAllowed = ({ rights }: Asker) => rights.mayOnCluster(operation)
  return all<A>(isAllowed, (request) => denied(wire('CLUSTER_AUTHORIZATION_FAILED'), request))
}

/** What may be done, and what not, each in its order. */
export function split<T>(items: readonly T[], isAllowed: (item: T) => boolean): { allowed: T[]; denied: T[] } {
  const allowed: T[] = []
  const denied: T[] = []
  for (const item of items) (isAllowed(item) ? allowed : denied).push(item)
  return { allowed, denied }
}

/** The name of a topic that may be given by its id; undefined: there is none, which its handler will say. */
export function topicName({ engine }: Asker, topicId: string, name: string | null): string | undefined {
  return topicId === zeroUuid ? (name ?? undefined) : engine.topicNames.byId(topicId)?.name
}

export const denied = {
  topic: wire('TOPIC_AUTHORIZATION_FAILED'),
  group: wire('GROUP_AUTHORIZATION_FAILED'),
  cluster: wire('CLUSTER_AUTHORIZATION_FAILED'),
  transactionalId: wire('TRANSACTIONAL_ID_AUTHORIZATION_FAILED'),
} as const satisfies Record<string, number>

/** Kafka's words for it, where an answer has room for them. */
export const deniedMessage = 'Authorization failed.'
