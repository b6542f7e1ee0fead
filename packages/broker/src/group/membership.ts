import type { KafkaErrorCode } from '@millrace/kernel'
import type { GroupMemory } from './group-memory.ts'
import { type Member, type MemberProtocol, refusedJoin, refusedSync } from './member.ts'
import { bytesOfId, bytesOfMember } from './member-memory.ts'

/** Who is in a group: members by id, static members by instance, ids handed out but not yet used, and the leader. */
export class Membership {
  readonly members = new Map<string, Member>()
  leader: string | null = null
  protocolType: string | null = null
  readonly #statics = new Map<string, string>()
  readonly #pending = new Map<string, number>()
  readonly #memory: GroupMemory

  constructor(memory: GroupMemory) {
    this.#memory = memory
  }

  /** Ids given with MEMBER_ID_REQUIRED, and until when they may be used. */
  get pending(): ReadonlyMap<string, number> {
    return this.#pending
  }

  get size(): number {
    return this.members.size
  }

  get awaitingJoin(): number {
    let count = 0
    for (const member of this.members.values()) if (member.awaitsJoin) count++
    return count
  }

  /** The longest of the members' rebalance timeouts. */
  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  /** Gives an id to whoever will join with it; past so many, the oldest is not waited for any more. */
  expect(memberId: string, untilMs: number, most: number): void {
    this.#pending.set(memberId, untilMs)
    this.#memory.changed(bytesOfId(memberId))
    if (this.#pending.size <= most) return
    for (const oldest of this.#pending.keys()) {
      this.forgo(oldest)
      return
    }
  }

  /** Nobody needs to come with that id. False: nobody was expected. */
  forgo(memberId: string): boolean {
    const wasPending = this.#pending.delete(memberId)
    if (wasPending) this.#memory.changed(-bytesOfId(memberId))
    return wasPending
  }

  /** What a member has told, or was assigned, becomes something else. */
  change(member: Member, work: () => void): void {
    this.#memory.changed(-bytesOfMember(member))
    work()
    this.#memory.changed(bytesOfMember(member))
  }

  hasRoom(moreBytes: number): boolean {
    return this.#memory.hasRoom(moreBytes)
  }

  add(member: Member, protocolType: string): void {
    this.members.set(member.memberId, member)
    this.#memory.changed(bytesOfMember(member))
    this.forgo(member.memberId)
    if (member.groupInstanceId !== null) this.#statics.set(member.groupInstanceId, member.memberId)
    this.leader ??= member.memberId
    this.protocolType = protocolType
  }

  /** A parked join or sync of it is answered, so that a client that is still there comes again. */
  remove(member: Member): void {
    member.answerJoin(refusedJoin('UNKNOWN_MEMBER_ID', member.memberId))
    member.answerSync(refusedSync('UNKNOWN_MEMBER_ID'))
    if (this.members.delete(member.memberId)) this.#memory.changed(-bytesOfMember(member))
    if (member.groupInstanceId !== null) this.#statics.delete(member.groupInstanceId)
    if (this.leader === member.memberId) this.leader = this.members.keys().next().value ?? null
  }

  /** The newcomer takes the place, the leadership too; whoever waits under the old id is fenced. */
  replaceStatic(old: Member, next: Member): void {
    old.answerJoin(refusedJoin('FENCED_INSTANCE_ID', old.memberId))
    old.answerSync(refusedSync('FENCED_INSTANCE_ID'))
    this.members.delete(old.memberId)
    this.members.set(next.memberId, next)
    this.#memory.changed(bytesOfMember(next) - bytesOfMember(old))
    if (next.groupInstanceId !== null) this.#statics.set(next.groupInstanceId, next.memberId)
    if (this.leader === old.memberId) this.leader = next.memberId
  }

  staticMember(instanceId: string): Member | undefined {
    const memberId = this.#statics.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** The member, or the error Kafka answers: FENCED_INSTANCE_ID when its instance is somebody else by now. */
  find(memberId: string, instanceId: string | null): Member | KafkaErrorCode {
    if (instanceId !== null) {
      const holder = this.#statics.get(instanceId)
      if (holder === undefined) return 'UNKNOWN_MEMBER_ID'
      if (holder !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.members.get(memberId) ?? 'UNKNOWN_MEMBER_ID'
  }

  /** A newcomer fits when it has the group's protocol type and an assignor that all present members have. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    if (this.members.size === 0) return true
    if (protocolType !== this.protocolType) return false
    const common = new Set(this.#commonProtocols())
    return protocols.some(({ name }) => common.has(name))
  }

  /** Each member votes for the first it prefers among those that all have. A tie goes to the first member's order. */
  selectProtocol(): string | null {
    const common = this.#commonProtocols()
    const votes = new Map(common.map((name) => [name, 0]))
    for (const { protocols } of this.members.values()) {
      const choice = protocols.find(({ name }) => votes.has(name))
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
    }
    let best: string | null = null
    for (const [name, count] of votes) if (best === null || count > (votes.get(best) ?? 0)) best = name
    return best
  }

  #commonProtocols(): string[] {
    const [first, ...rest] = this.members.values()
    if (first === undefined) return []
    const names = first.protocols.map(({ name }) => name)
    const others = rest.map(({ protocols }) => new Set(protocols.map(({ name }) => name)))
    return names.filter((name) => others.every((offered) => offered.has(name)))
  }
}
