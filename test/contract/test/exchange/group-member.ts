import { Buffer } from 'node:buffer'
import type { Partially, RequestOf } from '@millrace/protocol/internal'
import type { RawConnection } from './raw-connection.ts'
import type { Session } from './session.ts'

export const versions = { joinGroup: 9, syncGroup: 5, heartbeat: 4, leaveGroup: 5, offsetCommit: 8 } as const

/** What a consumer wishes for, as brokers read it: they look into the metadata of the type "consumer". */
export function subscription(topic: string, userData = ''): Buffer {
  const name = Buffer.from(topic)
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4 + userData.length)
  bytes.writeInt32BE(1, 2)
  bytes.writeInt16BE(name.length, 6)
  name.copy(bytes, 8)
  bytes.writeInt32BE(userData.length, 8 + name.length)
  bytes.write(userData, 12 + name.length)
  return bytes
}

const unknownMemberId = 25
const memberIdRequired = 79

/** A member of a group over a connection of its own, as named as its client id. */
export class GroupMember {
  readonly session: Session
  readonly group: string
  readonly connection: RawConnection
  memberId = ''
  generationId = -1
  leader = ''
  readonly instance: string | null

  private constructor(session: Session, group: string, connection: RawConnection, instance: string | null) {
    this.session = session
    this.group = group
    this.connection = connection
    this.instance = instance
  }

  static async of(session: Session, group: string, name: string, instance: string | null = null): Promise<GroupMember> {
    return new GroupMember(session, group, await session.connection(name), instance)
  }

  get leads(): boolean {
    return this.memberId !== '' && this.memberId === this.leader
  }

  joining(more: Partially<RequestOf<'joinGroup'>> = {}): Partially<RequestOf<'joinGroup'>> {
    return {
      groupId: this.group,
      sessionTimeoutMs: 20_000,
      rebalanceTimeoutMs: 20_000,
      memberId: this.memberId,
      groupInstanceId: this.instance,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: subscription('orders') }],
      ...more,
    }
  }

  syncing(more: Partially<RequestOf<'syncGroup'>> = {}): Partially<RequestOf<'syncGroup'>> {
    const { group: groupId, generationId, memberId } = this
    return {
      groupId,
      generationId,
      memberId,
      groupInstanceId: this.instance,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [],
      ...more,
    }
  }

  beating(more: Partially<RequestOf<'heartbeat'>> = {}): Partially<RequestOf<'heartbeat'>> {
    const { group: groupId, generationId, memberId } = this
    return { groupId, generationId, memberId, groupInstanceId: this.instance, ...more }
  }

  leaving(): Partially<RequestOf<'leaveGroup'>> {
    return { groupId: this.group, members: [{ memberId: this.memberId, groupInstanceId: this.instance }] }
  }

  committing(
    topic: string,
    committedOffset: number,
    more: Partially<RequestOf<'offsetCommit'>> = {},
  ): Partially<RequestOf<'offsetCommit'>> {
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: 'note' }]
    return {
      groupId: this.group,
      generationIdOrMemberEpoch: this.generationId,
      memberId: this.memberId,
      groupInstanceId: this.instance,
      topics: [{ name: topic, partitions }],
      ...more,
    }
  }

  /** Joins to the end, taking a member id on the way. Written down as `step` unless it is empty. */
  async join(
    step = '',
    more: Partially<RequestOf<'joinGroup'>> = {},
    version: number = versions.joinGroup,
  ): Promise<void> {
    const options = { over: this.connection, quiet: step === '' }
    let answer = await this.session.ask(step, 'joinGroup', version, this.joining(more), options)
    if (answer !== 'closed' && answer.errorCode === memberIdRequired) {
      this.memberId = answer.memberId
      answer = await this.session.ask(
        step === '' ? '' : `${step}, with its id`,
        'joinGroup',
        version,
        this.joining(more),
        options,
      )
    }
    if (answer === 'closed') throw new Error('the server closed on a join')
    // A group that nobody has joined yet is empty, and where offsets are soon looked through, Apache Kafka drops it with its ids.
    if (step === '' && answer.errorCode === unknownMemberId && this.memberId !== '') {
      this.memberId = ''
      return this.join(step, more, version)
    }
    if (answer.errorCode !== 0) return
    this.memberId = answer.memberId
    this.generationId = answer.generationId
    this.leader = answer.leader
  }

  /** Syncs; a leader gives each of `members` the text of its client id. */
  async sync(step = '', members: readonly GroupMember[] = [], version: number = versions.syncGroup): Promise<void> {
    const assignments = members.map(({ memberId, connection }) => ({
      memberId,
      assignment: Buffer.from(`for ${connection.clientId}`),
    }))
    const options = { over: this.connection, quiet: step === '' }
    await this.session.ask(
      step,
      'syncGroup',
      version,
      this.syncing({ assignments: this.leads ? assignments : [] }),
      options,
    )
  }

  async leave(): Promise<void> {
    const options = { over: this.connection, quiet: true }
    await this.session.ask('', 'leaveGroup', versions.leaveGroup, this.leaving(), options)
  }

  async state(): Promise<string> {
    const answer = await this.session.ask('', 'describeGroups', 5, { groups: [this.group] }, { quiet: true })
    return answer === 'closed' ? 'closed' : (answer.groups[0]?.groupState ?? 'none')
  }

  /** Waits until the group is in a state. */
  until(state: string): Promise<void> {
    return this.session.eventually(`the group is ${state}`, async () => (await this.state()) === state)
  }
}
