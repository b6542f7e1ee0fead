import type { Buffer } from 'node:buffer'
import type { KafkaErrorCode } from '@millrace/kernel'
import type { GroupMemory } from './group-memory.ts'
import {
  type JoinAnswer,
  Member,
  type MemberProfile,
  type MemberProtocol,
  noBytes,
  refusedJoin,
  refusedSync,
  type SyncAnswer,
} from './member.ts'
import { bytesOfMember } from './member-memory.ts'
import { Membership } from './membership.ts'
import { type GroupState, Rebalance } from './rebalance.ts'

export interface GroupLimits {
  readonly initialRebalanceDelayMs: number
  readonly groupMaxSize: number
  /**
   * Of all groups together: what members have told of themselves and were assigned, and the ids that were handed out. A join
   * brings up to a whole request, and stays for as long as its session.
   */
  readonly memory: GroupMemory
}

/** Ids that may wait for their members, however small the group has to stay: those who got one may never come. */
const idsMin = 1000

/** What a group asks of the world around it. */
export interface GroupSurroundings {
  /** A fresh member id; `hint` is the instance or client id it begins with. */
  newMemberId(hint: string): string
  /** Keeps the group's present state in the log. Throws when the log refuses. */
  store(group: ClassicGroup): void
}

export interface JoinRequest {
  readonly memberId: string
  readonly protocolType: string
  readonly profile: MemberProfile
  /** From JoinGroup v4 on a newcomer is given an id first and joins with it then. */
  readonly requiresMemberId: boolean
  /** From JoinGroup v9 on a returning static leader can be told that its assignment stands. */
  readonly canSkipAssignment: boolean
}

export interface SyncRequest {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generation: number
  readonly protocolType: string | null
  readonly protocol: string | null
  readonly assignments: ReadonlyMap<string, Buffer>
}

export interface MemberClaim {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generation: number
}

/**
 * One classic group: what each request gets in each state. Pure: time comes in as `nowMs`, answers go out through
 * callbacks, and whoever owns it calls `expire` no later than `deadlineMs`.
 *
 * Source: Apache Kafka 4.x, GroupMetadataManager and ClassicGroup; KIP-345 (static members), KIP-394 (member ids),
 * KIP-814 (skipped assignment).
 */
export class ClassicGroup {
  readonly groupId: string
  readonly membership: Membership
  readonly #limits: GroupLimits
  readonly #surroundings: GroupSurroundings
  readonly #phases: Rebalance

  constructor(groupId: string, limits: GroupLimits, surroundings: GroupSurroundings, nowMs: number) {
    this.groupId = groupId
    this.membership = new Membership(limits.memory)
    this.#limits = limits
    this.#surroundings = surroundings
    this.#phases = new Rebalance(this.membership, limits.initialRebalanceDelayMs, () => surroundings.store(this))
    this.#phases.stateSinceMs = nowMs
  }

  get state(): GroupState {
    return this.#phases.state
  }

  get generation(): number {
    return this.#phases.generation
  }

  get protocol(): string | null {
    return this.#phases.protocol
  }

  get stateSinceMs(): number {
    return this.#phases.stateSinceMs
  }

  /** When `expire` has to be called at the latest; infinite when nothing is due. */
  get deadlineMs(): number {
    let earliest = this.#phases.deadlineMs
    for (const member of this.membership.members.values()) earliest = Math.min(earliest, member.deadlineMs)
    for (const deadlineMs of this.membership.pending.values()) earliest = Math.min(earliest, deadlineMs)
    return earliest
  }

  join(request: JoinRequest, nowMs: number, answer: (answer: JoinAnswer) => void): void {
    const { memberId, profile } = request
    if (this.state === 'Dead') {
      answer(refusedJoin('COORDINATOR_NOT_AVAILABLE', memberId))
      return
    }
    if (!this.#hasRoom(memberId, profile.groupInstanceId) || !this.#hasMemory(memberId, profile)) {
      this.membership.forgo(memberId)
      answer(refusedJoin('GROUP_MAX_SIZE_REACHED', ''))
      return
    }
    if (!this.membership.supports(request.protocolType, profile.protocols)) {
      answer(refusedJoin('INCONSISTENT_GROUP_PROTOCOL', memberId))
      return
    }
    if (memberId === '') {
      this.#joinAsNew(request, nowMs, answer)
      return
    }
    if (this.membership.pending.has(memberId)) {
      this.#admit(memberId, request, nowMs, answer)
      return
    }
    const member = this.membership.find(memberId, profile.groupInstanceId)
    if (typeof member === 'string') {
      answer(refusedJoin(member, memberId))
      return
    }
    this.#joinAgain(member, profile, nowMs, answer)
  }

  sync(request: SyncRequest, nowMs: number, answer: (answer: SyncAnswer) => void): void {
    const member = this.#claimant(request)
    if (typeof member === 'string') {
      answer(refusedSync(member))
      return
    }
    if (differs(request.protocolType, this.membership.protocolType) || differs(request.protocol, this.protocol)) {
      answer(refusedSync('INCONSISTENT_GROUP_PROTOCOL'))
      return
    }
    switch (this.state) {
      case 'PreparingRebalance':
        answer(refusedSync('REBALANCE_IN_PROGRESS'))
        return
      case 'CompletingRebalance':
        this.#phases.synced(member.memberId)
        member.parkSync(answer)
        if (member.memberId === this.membership.leader) this.#phases.assign(request.assignments, nowMs)
        return
      case 'Stable':
        this.#phases.synced(member.memberId)
        member.touch(nowMs)
        answer(this.#phases.syncAnswer(member))
        return
      default:
        answer(refusedSync('UNKNOWN_MEMBER_ID'))
        return
    }
  }

  heartbeat(claim: MemberClaim, nowMs: number): KafkaErrorCode {
    const member = this.#claimant(claim)
    if (typeof member === 'string') return member
    if (!member.awaitsJoin && !member.awaitsSync) member.touch(nowMs)
    return this.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  /** One member of a LeaveGroup. */
  leave(memberId: string, groupInstanceId: string | null, nowMs: number): KafkaErrorCode {
    if (this.state === 'Dead') return 'UNKNOWN_MEMBER_ID'
    if (this.membership.forgo(memberId)) {
      if (this.state === 'PreparingRebalance') this.#phases.membersChanged(nowMs)
      return 'NONE'
    }
    const member =
      memberId === '' && groupInstanceId !== null
        ? (this.membership.staticMember(groupInstanceId) ?? 'UNKNOWN_MEMBER_ID')
        : this.membership.find(memberId, groupInstanceId)
    if (typeof member === 'string') return member
    this.#remove(member, nowMs)
    return 'NONE'
  }

  /**
   * May this claim commit offsets now? A claim with no member and generation -1 is an admin or a consumer without a
   * group.
   */
  mayCommit(claim: MemberClaim, nowMs: number, inTransaction = false): KafkaErrorCode {
    if (this.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE'
    const anonymous = claim.generation < 0 && claim.memberId === '' && claim.groupInstanceId === null
    if (claim.generation < 0 && this.state === 'Empty') return 'NONE'
    if (anonymous) return inTransaction ? 'NONE' : 'UNKNOWN_MEMBER_ID'
    const member = this.membership.find(claim.memberId, claim.groupInstanceId)
    if (typeof member === 'string') return member
    if (claim.generation !== this.generation) return 'ILLEGAL_GENERATION'
    if (inTransaction) return 'NONE'
    if (this.state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
    if (!member.awaitsJoin) member.touch(nowMs)
    return 'NONE'
  }

  /** Ends what is due: sessions, ids never used, joins and syncs that took too long. */
  expire(nowMs: number): void {
    let idsLapsed = false
    for (const [memberId, deadlineMs] of this.membership.pending) {
      if (deadlineMs > nowMs) continue
      this.membership.forgo(memberId)
      idsLapsed = true
    }
    if (idsLapsed && this.state === 'PreparingRebalance') this.#phases.membersChanged(nowMs)
    for (const member of [...this.membership.members.values()]) {
      if (member.deadlineMs <= nowMs && this.membership.members.get(member.memberId) === member) {
        this.#remove(member, nowMs)
      }
    }
    this.#phases.expire(nowMs)
  }

  /** As the log tells it after a start. Members have a whole session to report. */
  restore(kept: RestoredGroup, nowMs: number): void {
    for (const { memberId, profile, assignment } of kept.members) {
      const member = new Member(memberId, profile, assignment)
      member.isNew = false
      member.touch(nowMs)
      this.membership.add(member, kept.protocolType)
    }
    this.membership.protocolType = kept.protocolType === '' ? null : kept.protocolType
    this.membership.leader = kept.leader
    this.#phases.generation = kept.generation
    this.#phases.protocol = kept.protocol
    this.#phases.state = kept.members.length === 0 ? 'Empty' : 'Stable'
    this.#phases.stateSinceMs = kept.stateSinceMs < 0 ? nowMs : kept.stateSinceMs
  }

  /** What the log keeps of the group. */
  snapshot(): RestoredGroup {
    return {
      protocolType: this.membership.protocolType ?? '',
      generation: this.generation,
      protocol: this.protocol,
      leader: this.membership.leader,
      stateSinceMs: this.stateSinceMs,
      members: [...this.membership.members.values()].map((member) => ({
        memberId: member.memberId,
        profile: member,
        assignment: member.assignment,
      })),
    }
  }

  /** Deleted, or the broker is closing: whoever waits is told. */
  die(error: KafkaErrorCode, nowMs: number): void {
    this.#phases.release(error)
    this.#phases.enter('Dead', nowMs)
  }

  #hasRoom(memberId: string, instanceId: string | null): boolean {
    if (instanceId !== null && this.membership.staticMember(instanceId) !== undefined) return true
    const member = this.membership.members.get(memberId)
    if (this.state === 'Empty') return true
    if (this.state === 'PreparingRebalance') {
      return member?.awaitsJoin === true || this.membership.awaitingJoin < this.#limits.groupMaxSize
    }
    return member !== undefined || this.membership.size < this.#limits.groupMaxSize
  }

  #hasMemory(memberId: string, profile: MemberProfile): boolean {
    const member = this.membership.members.get(memberId)
    const more = bytesOfMember(profile) - (member === undefined ? 0 : bytesOfMember(member))
    return more <= 0 || this.membership.hasRoom(more)
  }

  #joinAsNew(request: JoinRequest, nowMs: number, answer: (answer: JoinAnswer) => void): void {
    const { profile } = request
    const memberId = this.#surroundings.newMemberId(profile.groupInstanceId ?? profile.clientId)
    if (profile.groupInstanceId !== null) {
      const holder = this.membership.staticMember(profile.groupInstanceId)
      if (holder !== undefined) {
        this.#replaceStatic(holder, memberId, request, nowMs, answer)
        return
      }
      this.#admit(memberId, request, nowMs, answer)
      return
    }
    if (!request.requiresMemberId) {
      this.#admit(memberId, request, nowMs, answer)
      return
    }
    const { groupMaxSize } = this.#limits
    this.membership.expect(memberId, nowMs + profile.sessionTimeoutMs, Math.max(groupMaxSize, idsMin))
    answer(refusedJoin('MEMBER_ID_REQUIRED', memberId))
  }

  #admit(memberId: string, request: JoinRequest, nowMs: number, answer: (answer: JoinAnswer) => void): void {
    const member = new Member(memberId, request.profile, noBytes)
    member.parkJoin(nowMs, answer)
    this.membership.add(member, request.protocolType)
    this.#phases.memberCame()
    this.#phases.membersChanged(nowMs)
  }

  #joinAgain(member: Member, profile: MemberProfile, nowMs: number, answer: (answer: JoinAnswer) => void): void {
    const same = member.offersTheSame(profile.protocols)
    // A leader that joins again in a stable group wants a new assignment: partitions may have been added.
    const stays = this.state === 'CompletingRebalance' || member.memberId !== this.membership.leader
    if (same && stays && (this.state === 'CompletingRebalance' || this.state === 'Stable')) {
      if (!member.awaitsSync) member.touch(nowMs)
      answer(this.#phases.joinAnswer(member))
      return
    }
    if (this.state === 'Empty') {
      answer(refusedJoin('UNKNOWN_MEMBER_ID', member.memberId))
      return
    }
    this.membership.change(member, () => update(member, profile))
    member.parkJoin(nowMs, answer)
    this.#phases.membersChanged(nowMs)
  }

  /**
   * The same instance under a new id: no rebalance while the group is stable and would choose the same assignor again.
   */
  #replaceStatic(
    holder: Member,
    memberId: string,
    request: JoinRequest,
    nowMs: number,
    answer: (answer: JoinAnswer) => void,
  ): void {
    const oldLeader = this.membership.leader
    const member = new Member(memberId, request.profile, holder.assignment)
    member.isNew = false
    this.membership.replaceStatic(holder, member)
    if (this.state !== 'Stable' || this.membership.selectProtocol() !== this.protocol) {
      this.#phases.pendingSync.delete(holder.memberId)
      member.parkJoin(nowMs, answer)
      this.#phases.membersChanged(nowMs)
      return
    }
    try {
      this.#surroundings.store(this)
    } catch {
      this.membership.replaceStatic(member, holder)
      answer(refusedJoin('COORDINATOR_NOT_AVAILABLE', memberId))
      return
    }
    member.touch(nowMs)
    const leads = this.membership.leader === memberId
    const present = this.#phases.joinAnswer(member)
    // An older client that reads its own id as leader would assign anew: it is shown the id it had before.
    if (!request.canSkipAssignment) {
      answer({ ...present, leader: oldLeader ?? '', members: [] })
      return
    }
    answer({ ...present, skipAssignment: leads })
  }

  #claimant(claim: MemberClaim): Member | KafkaErrorCode {
    if (this.state === 'Dead' || this.state === 'Empty') return 'UNKNOWN_MEMBER_ID'
    const member = this.membership.find(claim.memberId, claim.groupInstanceId)
    if (typeof member === 'string') return member
    return claim.generation === this.generation ? member : 'ILLEGAL_GENERATION'
  }

  #remove(member: Member, nowMs: number): void {
    this.membership.remove(member)
    this.#phases.synced(member.memberId)
    this.#phases.membersChanged(nowMs)
  }
}

/** A group as its record in the log says. */
export interface RestoredGroup {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  /** -1 where an old record does not say. */
  readonly stateSinceMs: number
  readonly members: readonly {
    readonly memberId: string
    readonly profile: MemberProfile
    readonly assignment: Buffer
  }[]
}

function update(member: Member, profile: MemberProfile): void {
  const protocols: readonly MemberProtocol[] = profile.protocols
  member.protocols = protocols
  member.rebalanceTimeoutMs = profile.rebalanceTimeoutMs
  member.sessionTimeoutMs = profile.sessionTimeoutMs
}

/** A name that the request leaves out is not compared (SyncGroup before v5 has none). */
function differs(given: string | null, held: string | null): boolean {
  return given !== null && given !== held
}
