import { type KafkaErrorCode, kafkaError } from '@millrace/kernel'
import { type JoinAnswer, type Member, noBytes, refusedJoin, refusedSync, type SyncAnswer } from './member.ts'
import type { Membership } from './membership.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** The first rebalance of an empty group waits a little, again and again while members keep coming. */
interface InitialWait {
  delayMs: number
  remainingMs: number
  memberCame: boolean
}

const never = Number.POSITIVE_INFINITY

/**
 * The phases of one group: Empty → PreparingRebalance (members join) → CompletingRebalance (the leader assigns) →
 * Stable.
 *
 * Time is an argument: nothing here starts a timer. `deadlineMs` says when `expire` has something to do.
 * Source: Apache Kafka, GroupMetadataManager (classic groups).
 */
export class Rebalance {
  state: GroupState = 'Empty'
  generation = 0
  protocol: string | null = null
  stateSinceMs = 0
  readonly pendingSync = new Set<string>()
  readonly #membership: Membership
  readonly #initialDelayMs: number
  /** Keeps the group in the log. Throws when the log refuses. */
  readonly #store: () => void
  #joinDeadlineMs = never
  #syncDeadlineMs = never
  #initial: InitialWait | undefined

  constructor(membership: Membership, initialDelayMs: number, store: () => void) {
    this.#membership = membership
    this.#initialDelayMs = initialDelayMs
    this.#store = store
  }

  get deadlineMs(): number {
    return Math.min(this.#joinDeadlineMs, this.#syncDeadlineMs)
  }

  enter(state: GroupState, nowMs: number): void {
    this.state = state
    this.stateSinceMs = nowMs
  }

  /** A member came, changed or left. */
  membersChanged(nowMs: number): void {
    if (this.state === 'PreparingRebalance') {
      // The first rebalance ends by its own clock, so that members that start together are one generation.
      if (this.#initial === undefined && this.#allJoined()) this.#completeJoin(nowMs)
    } else if (this.state !== 'Dead' && this.#membership.size > 0) this.prepare(nowMs)
    else if (this.state === 'Stable' || this.state === 'CompletingRebalance') this.prepare(nowMs)
  }

  /** A member was added: the initial wait, if one is under way, goes on. */
  memberCame(): void {
    if (this.#initial !== undefined) this.#initial.memberCame = true
  }

  prepare(nowMs: number): void {
    if (this.state === 'CompletingRebalance') this.#refuseSyncs('REBALANCE_IN_PROGRESS', nowMs)
    this.pendingSync.clear()
    this.#syncDeadlineMs = never
    const wasEmpty = this.state === 'Empty'
    this.enter('PreparingRebalance', nowMs)
    const timeoutMs = this.#membership.rebalanceTimeoutMs
    if (wasEmpty && this.#initialDelayMs > 0) {
      const delayMs = this.#initialDelayMs
      this.#initial = { delayMs, remainingMs: Math.max(timeoutMs - delayMs, 0), memberCame: false }
      this.#joinDeadlineMs = nowMs + delayMs
      return
    }
    this.#joinDeadlineMs = nowMs + timeoutMs
    if (this.#allJoined()) this.#completeJoin(nowMs)
  }

  expire(nowMs: number): void {
    if (this.#joinDeadlineMs <= nowMs) this.#joinTimedOut(nowMs)
    if (this.#syncDeadlineMs <= nowMs) this.#syncTimedOut(nowMs)
  }

  /** The leader's assignment: kept, then told to all. A log that refuses sends everybody back to joining. */
  assign(assignments: ReadonlyMap<string, SyncAnswer['assignment']>, nowMs: number): void {
    const { members } = this.#membership
    let bytes = 0
    for (const { length } of assignments.values()) bytes += length
    const hasRoom = this.#membership.hasRoom(bytes)
    for (const member of members.values()) this.#give(member, assignments.get(member.memberId) ?? noBytes)
    this.enter('Stable', nowMs)
    try {
      if (!hasRoom) throw kafkaError('GROUP_MAX_SIZE_REACHED', 'assignment')
      this.#store()
    } catch {
      this.#refuseSyncs('COORDINATOR_NOT_AVAILABLE', nowMs)
      this.prepare(nowMs)
      return
    }
    for (const member of members.values()) {
      if (!member.awaitsSync) continue
      member.touch(nowMs)
      member.answerSync(this.syncAnswer(member))
    }
  }

  synced(memberId: string): void {
    this.pendingSync.delete(memberId)
    if (this.pendingSync.size === 0) this.#syncDeadlineMs = never
  }

  joinAnswer(member: Member): JoinAnswer {
    const leader = this.#membership.leader ?? ''
    return {
      error: 'NONE',
      generation: this.generation,
      protocolType: this.#membership.protocolType,
      protocol: this.protocol,
      leader,
      skipAssignment: false,
      memberId: member.memberId,
      members: member.memberId === leader ? this.memberMetadata() : [],
    }
  }

  syncAnswer(member: Member): SyncAnswer {
    return {
      error: 'NONE',
      protocolType: this.#membership.protocolType,
      protocol: this.protocol,
      assignment: member.assignment,
    }
  }

  memberMetadata(): JoinAnswer['members'] {
    return [...this.#membership.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadataOf(this.protocol) ?? noBytes,
    }))
  }

  #allJoined(): boolean {
    const { size, pending, awaitingJoin } = this.#membership
    return pending.size === 0 && awaitingJoin === size
  }

  #joinTimedOut(nowMs: number): void {
    const initial = this.#initial
    if (initial?.memberCame && initial.remainingMs > 0) {
      const delayMs = Math.min(this.#initialDelayMs, initial.remainingMs)
      this.#initial = { delayMs, remainingMs: Math.max(initial.remainingMs - initial.delayMs, 0), memberCame: false }
      this.#joinDeadlineMs = nowMs + delayMs
      return
    }
    this.#completeJoin(nowMs)
  }

  /** Dynamic members that have not come back are out; static ones keep their place until their session ends. */
  #completeJoin(nowMs: number): void {
    const { members } = this.#membership
    this.#initial = undefined
    for (const member of [...members.values()]) {
      if (!member.awaitsJoin && member.groupInstanceId === null) this.#membership.remove(member)
    }
    if (members.size > 0 && !this.#electJoinedLeader()) {
      this.#joinDeadlineMs = nowMs + this.#membership.rebalanceTimeoutMs
      return
    }
    this.#joinDeadlineMs = never
    this.generation = (this.generation + 1) % 0x8000_0000
    if (members.size === 0) this.#becomeEmpty(nowMs)
    else this.#beginSync(nowMs)
  }

  #becomeEmpty(nowMs: number): void {
    this.protocol = null
    this.enter('Empty', nowMs)
    try {
      this.#store()
    } catch {
      // The group is empty here as it is in nobody's hands: what the log still says of it is settled at the next join.
    }
  }

  #beginSync(nowMs: number): void {
    const { members } = this.#membership
    this.protocol = this.#membership.selectProtocol()
    this.enter('CompletingRebalance', nowMs)
    this.#syncDeadlineMs = nowMs + this.#membership.rebalanceTimeoutMs
    for (const memberId of members.keys()) this.pendingSync.add(memberId)
    for (const member of [...members.values()]) {
      member.isNew = false
      if (!member.awaitsJoin) continue
      member.touch(nowMs)
      member.answerJoin(this.joinAnswer(member))
    }
  }

  #electJoinedLeader(): boolean {
    const membership = this.#membership
    const leader = membership.leader === null ? undefined : membership.members.get(membership.leader)
    if (leader?.awaitsJoin) return true
    for (const member of membership.members.values()) {
      if (!member.awaitsJoin) continue
      membership.leader = member.memberId
      return true
    }
    return false
  }

  #syncTimedOut(nowMs: number): void {
    this.#syncDeadlineMs = never
    if (this.state !== 'CompletingRebalance' && this.state !== 'Stable') return
    const silent = [...this.pendingSync]
    this.pendingSync.clear()
    for (const memberId of silent) {
      const member = this.#membership.members.get(memberId)
      if (member !== undefined) this.#membership.remove(member)
    }
    if (silent.length > 0) this.prepare(nowMs)
  }

  #give(member: Member, assignment: SyncAnswer['assignment']): void {
    this.#membership.change(member, () => {
      member.assignment = assignment
    })
  }

  #refuseSyncs(error: KafkaErrorCode, nowMs: number): void {
    for (const member of this.#membership.members.values()) {
      this.#give(member, noBytes)
      if (!member.awaitsSync) continue
      member.touch(nowMs)
      member.answerSync(refusedSync(error))
    }
  }

  /** Nobody is left waiting. */
  release(error: KafkaErrorCode): void {
    this.#joinDeadlineMs = never
    this.#syncDeadlineMs = never
    for (const member of this.#membership.members.values()) {
      member.answerJoin(refusedJoin(error, member.memberId))
      member.answerSync(refusedSync(error))
    }
  }
}
