import { Buffer } from 'node:buffer'
import { ClassicGroup, type GroupLimits } from '../src/group/classic-group.ts'
import { GroupMemory } from '../src/group/group-memory.ts'
import type { JoinAnswer, SyncAnswer } from '../src/group/member.ts'

export const sessionMs = 10_000
export const rebalanceMs = 60_000

export interface Joiner {
  readonly memberId?: string
  readonly instanceId?: string | null
  readonly protocols?: readonly (readonly [string, string])[]
  readonly protocolType?: string
  readonly requiresMemberId?: boolean
  readonly canSkipAssignment?: boolean
}

/** A group on a bench: time moves by hand, answers are kept, what is stored is seen. */
export class GroupBench {
  nowMs = 1_000_000
  stored: { generation: number; state: string; members: number }[] = []
  storeFails = false
  readonly group: ClassicGroup
  readonly memory: GroupMemory
  #ids = 0

  constructor(limits: Partial<GroupLimits> = {}, memoryBytes = 1 << 20) {
    this.memory = new GroupMemory(memoryBytes)
    this.group = new ClassicGroup(
      'g',
      { initialRebalanceDelayMs: 0, groupMaxSize: 100, memory: this.memory, ...limits },
      {
        newMemberId: (hint) => `${hint}-${++this.#ids}`,
        store: (group) => {
          if (this.storeFails) throw new Error('the log refuses')
          const { generation, state, membership } = group
          this.stored.push({ generation, state, members: membership.size })
        },
      },
      this.nowMs,
    )
  }

  join(joiner: Joiner = {}): { answer: JoinAnswer | undefined } {
    const box: { answer: JoinAnswer | undefined } = { answer: undefined }
    const { memberId = '', instanceId = null, protocols = [['range', 'm']] } = joiner
    const request = {
      memberId,
      protocolType: joiner.protocolType ?? 'consumer',
      profile: {
        groupInstanceId: instanceId,
        clientId: 'c',
        clientHost: '/127.0.0.1',
        rebalanceTimeoutMs: rebalanceMs,
        sessionTimeoutMs: sessionMs,
        protocols: protocols.map(([name, metadata]) => ({ name, metadata: Buffer.from(metadata) })),
      },
      requiresMemberId: joiner.requiresMemberId ?? false,
      canSkipAssignment: joiner.canSkipAssignment ?? true,
    }
    this.group.join(request, this.nowMs, (answer) => {
      if (box.answer !== undefined) throw new Error('a join was answered twice')
      box.answer = answer
    })
    return box
  }

  sync(
    memberId: string,
    generation: number,
    assignments: Record<string, string> = {},
  ): { answer: SyncAnswer | undefined } {
    const box: { answer: SyncAnswer | undefined } = { answer: undefined }
    const request = {
      memberId,
      groupInstanceId: null,
      generation,
      protocolType: null,
      protocol: null,
      assignments: new Map(Object.entries(assignments).map(([id, text]) => [id, Buffer.from(text)])),
    }
    this.group.sync(request, this.nowMs, (answer) => {
      if (box.answer !== undefined) throw new Error('a sync was answered twice')
      box.answer = answer
    })
    return box
  }

  heartbeat(memberId: string, generation: number, groupInstanceId: string | null = null) {
    return this.group.heartbeat({ memberId, generation, groupInstanceId }, this.nowMs)
  }

  mayCommit(memberId: string, generation: number, groupInstanceId: string | null = null) {
    return this.group.mayCommit({ memberId, generation, groupInstanceId }, this.nowMs)
  }

  /** Time passes; what falls due on the way happens when it is due. */
  pass(ms: number): void {
    const end = this.nowMs + ms
    while (this.group.deadlineMs <= end) {
      this.nowMs = Math.max(this.nowMs, this.group.deadlineMs)
      this.group.expire(this.nowMs)
    }
    this.nowMs = end
  }

  /** A member in a stable generation. */
  stable(): { memberId: string; generation: number } {
    const { memberId, generation } = this.joined()
    this.sync(memberId, generation, { [memberId]: 'all' })
    return { memberId, generation }
  }

  /** A member that has its generation and not yet its assignment. */
  joined(): { memberId: string; generation: number } {
    const { answer } = this.join()
    if (answer?.error !== 'NONE') throw new Error(`the first join was not answered: ${answer?.error}`)
    return answer
  }
}
