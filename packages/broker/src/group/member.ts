import { Buffer } from 'node:buffer'
import type { KafkaErrorCode } from '@millrace/kernel'

/** An assignor that a member offers, with what the leader needs of it. In order of preference. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface JoinAnswer {
  readonly error: KafkaErrorCode
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly leader: string
  /** A returning static leader on a group that stays as it is: the assignment stands (KIP-814). */
  readonly skipAssignment: boolean
  readonly memberId: string
  /** For the leader only; empty for everybody else. */
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Buffer
  }[]
}

export interface SyncAnswer {
  readonly error: KafkaErrorCode
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignment: Buffer
}

/** What a member says of itself. */
export interface MemberProfile {
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly protocols: readonly MemberProtocol[]
}

/** How long a member that has no id yet, and so cannot send heartbeats, may wait in a join. */
export const newMemberJoinTimeoutMs = 5 * 60_000

/** One member of a classic group. A parked join or sync is the callback that will answer it. */
export class Member {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Buffer
  /** Joined, and not yet part of a generation. */
  isNew = true
  /** When the session ends; infinite while a join or a sync of it is parked, because the wait is ours. */
  deadlineMs = Number.POSITIVE_INFINITY
  #join: ((answer: JoinAnswer) => void) | undefined
  #sync: ((answer: SyncAnswer) => void) | undefined

  constructor(memberId: string, profile: MemberProfile, assignment: Buffer) {
    this.memberId = memberId
    this.groupInstanceId = profile.groupInstanceId
    this.clientId = profile.clientId
    this.clientHost = profile.clientHost
    this.rebalanceTimeoutMs = profile.rebalanceTimeoutMs
    this.sessionTimeoutMs = profile.sessionTimeoutMs
    this.protocols = profile.protocols
    this.assignment = assignment
  }

  get awaitsJoin(): boolean {
    return this.#join !== undefined
  }

  get awaitsSync(): boolean {
    return this.#sync !== undefined
  }

  /** The session begins anew. */
  touch(nowMs: number): void {
    this.deadlineMs = nowMs + this.sessionTimeoutMs
  }

  /** An earlier join of the same member that still waits is told to come again. */
  parkJoin(nowMs: number, answer: (answer: JoinAnswer) => void): void {
    this.#join?.(refusedJoin('REBALANCE_IN_PROGRESS', this.memberId))
    this.#join = answer
    this.deadlineMs = this.isNew ? nowMs + newMemberJoinTimeoutMs : Number.POSITIVE_INFINITY
  }

  parkSync(answer: (answer: SyncAnswer) => void): void {
    this.#sync?.(refusedSync('REBALANCE_IN_PROGRESS'))
    this.#sync = answer
    this.deadlineMs = Number.POSITIVE_INFINITY
  }

  answerJoin(answer: JoinAnswer): void {
    const waiting = this.#join
    this.#join = undefined
    waiting?.(answer)
  }

  answerSync(answer: SyncAnswer): void {
    const waiting = this.#sync
    this.#sync = undefined
    waiting?.(answer)
  }

  metadataOf(protocol: string | null): Buffer | undefined {
    return this.protocols.find((offered) => offered.name === protocol)?.metadata
  }

  /** The same assignors with the same metadata, in the same order. */
  offersTheSame(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((given, i) => {
        const held = this.protocols[i]
        return held !== undefined && held.name === given.name && held.metadata.equals(given.metadata)
      })
    )
  }
}

/** A shared empty buffer. */
export const noBytes: Buffer = Buffer.alloc(0)

export function refusedJoin(error: KafkaErrorCode, memberId: string): JoinAnswer {
  return {
    error,
    generation: -1,
    protocolType: null,
    protocol: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function refusedSync(error: KafkaErrorCode): SyncAnswer {
  return { error, protocolType: null, protocol: null, assignment: noBytes }
}
