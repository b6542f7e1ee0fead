import type { GroupBench } from './group-bench.ts'

export const partitions = ['0', '1', '2', '3', '4', '5', '6', '7']

/** What a client at work may never be told while it answers in time. */
export class LostMember extends Error {}

/** A consumer as far as the coordinator sees it. `turn` is called each second of its life. */
export class GroupClient {
  readonly #bench: GroupBench
  readonly #instanceId: string | null
  #join: ReturnType<GroupBench['join']> | undefined
  #sync: ReturnType<GroupBench['sync']> | undefined
  #subscription = 'v0'
  memberId = ''
  generation = -1
  owned: readonly string[] = []

  constructor(bench: GroupBench, instanceId: string | null) {
    this.#bench = bench
    this.#instanceId = instanceId
  }

  get instanceId(): string | null {
    return this.#instanceId
  }

  get settled(): boolean {
    return this.#join === undefined && this.#sync === undefined && this.generation >= 0
  }

  turn(): void {
    this.#readJoin()
    this.#readSync()
    if (this.#join !== undefined || this.#sync !== undefined) return
    if (this.generation < 0) {
      this.#rejoin()
      return
    }
    const code = this.#bench.heartbeat(this.memberId, this.generation, this.#instanceId)
    if (code === 'REBALANCE_IN_PROGRESS') this.#rejoin()
    else if (code !== 'NONE') throw new LostMember(`${this.memberId} at generation ${this.generation}: ${code}`)
  }

  /** New topics, say: the next join carries other metadata. */
  resubscribe(version: number): void {
    if (!this.settled) return
    this.#subscription = `v${version}`
    this.#rejoin()
  }

  leave(): void {
    this.#bench.group.leave(this.memberId, this.#instanceId, this.#bench.nowMs)
  }

  #rejoin(): void {
    this.owned = []
    this.#join = this.#bench.join({
      memberId: this.memberId,
      instanceId: this.#instanceId,
      requiresMemberId: true,
      protocols: [['range', this.#subscription]],
    })
    this.#readJoin()
  }

  #readJoin(): void {
    const answer = this.#join?.answer
    if (answer === undefined) return
    this.#join = undefined
    this.memberId = answer.memberId
    if (answer.error === 'MEMBER_ID_REQUIRED') {
      this.#rejoin()
      return
    }
    if (answer.error !== 'NONE') throw new LostMember(`${this.memberId} joined and got ${answer.error}`)
    this.generation = answer.generation
    const assignments: Record<string, string> = {}
    const leads = answer.leader === answer.memberId && !answer.skipAssignment
    for (const [i, partition] of leads ? partitions.entries() : []) {
      const { memberId } = answer.members[i % answer.members.length] ?? { memberId: '' }
      assignments[memberId] = `${assignments[memberId] ?? ''}${partition}`
    }
    this.#sync = this.#bench.sync(answer.memberId, answer.generation, assignments)
    this.#readSync()
  }

  #readSync(): void {
    const answer = this.#sync?.answer
    if (answer === undefined) return
    this.#sync = undefined
    if (answer.error === 'REBALANCE_IN_PROGRESS') this.#rejoin()
    else if (answer.error === 'NONE') this.owned = [...answer.assignment.toString()]
    else throw new LostMember(`${this.memberId} synced and got ${answer.error}`)
  }
}
