import { Buffer } from 'node:buffer'
import type { Assignor, AssignorMember, MemberAssignment } from '@millrace/client'
import { configError, type TopicPartition } from '@millrace/kernel'
import type { Plan } from '../topology/plan.ts'
import { assignTasks, type MemberState, type PlacedTask } from './task-assignment.ts'

/** What a member is told beside its partitions. */
export interface AssignedTasks {
  /** Of the topology that the tasks are of. */
  readonly fingerprint: string
  readonly tasks: readonly PlacedTask[]
  /** Set when the group holds members of another topology and this member got nothing for it. */
  readonly refusal: string | undefined
}

/**
 * Places tasks, not partitions: a task gets its partition of every source topic of its sub-topology.
 *
 * One topology at a time has the group: the one whose members ran most tasks. Members of another are refused. A leader
 * that is itself refused cannot divide what it does not know: then nobody has tasks until it has left.
 */
export class TaskAssignor implements Assignor {
  readonly name = 'millrace-tasks'
  /** Tasks that ran here; set by the thread before it joins. */
  standing: readonly string[] = []
  /** Tasks with a directory here; set by the thread before it joins. */
  kept: readonly string[] = []
  #assigned: AssignedTasks
  #attempt = 0
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
    this.#assigned = { fingerprint: this.#fingerprint, tasks: [], refusal: undefined }
  }

  /** From the last rebalance. */
  get assigned(): AssignedTasks {
    return this.#assigned
  }

  /**
   * The assignment is of another topology: a static member that comes back soon is given the one its predecessor had
   * (KIP-345), with no new round.
   */
  get outdated(): boolean {
    return this.#assigned.fingerprint !== this.#fingerprint
  }

  /** Makes the next join differ from the last, so that the coordinator begins a new round for it. */
  askAnew(): void {
    this.#attempt++
  }

  userData(): Buffer {
    const { standing, kept } = this
    const state: MemberState = { fingerprint: this.#fingerprint, standing, kept }
    return Buffer.from(JSON.stringify({ ...state, attempt: this.#attempt }))
  }

  assign(
    members: readonly AssignorMember[],
    cluster: { partitionsOf(topic: string): number | undefined },
  ): Map<string, MemberAssignment> {
    const states = new Map(members.map((member) => [member.memberId, memberState(member)]))
    const fingerprint = incumbent([...states.values()])
    const known = fingerprint === this.#fingerprint
    const own = new Map([...states].filter(([, state]) => known && state.fingerprint === fingerprint))
    const placed = assignTasks(tasksOf(this.#plan, cluster), own)
    const refusal = `members run different topologies; the group belongs to ${fingerprint}`
    return new Map(
      members.map(({ memberId }) => {
        const tasks = placed.get(memberId)
        if (tasks === undefined) return [memberId, told([], { fingerprint, tasks: [], refusal })]
        const partitions = tasks.flatMap((task) => partitionsOf(this.#plan, task, cluster))
        return [memberId, told(partitions, { fingerprint, tasks, refusal: undefined })]
      }),
    )
  }

  onAssigned(userData: Buffer | null, _partitions: readonly TopicPartition[], _generation: number): void {
    this.#assigned = readAssigned(userData)
  }

  get #fingerprint(): string {
    return this.#plan.topology.fingerprint
  }
}

/** The topology that has the group: most tasks running, then most members. */
function incumbent(states: readonly MemberState[]): string {
  const weights = new Map<string, { tasks: number; members: number }>()
  for (const { fingerprint, standing } of states) {
    const { tasks, members } = weights.get(fingerprint) ?? { tasks: 0, members: 0 }
    weights.set(fingerprint, { tasks: tasks + standing.length, members: members + 1 })
  }
  const [first] = [...weights].sort(
    ([nameA, a], [nameB, b]) => b.tasks - a.tasks || b.members - a.members || (nameA < nameB ? -1 : 1),
  )
  return first?.[0] ?? ''
}

/** Every task of a plan, given the partitions that exist. A sub-topology with a topic not known yet has none. */
export function tasksOf(plan: Plan, cluster: { partitionsOf(topic: string): number | undefined }): PlacedTask[] {
  return plan.subtopologies.flatMap(({ id: subtopology, sourceTopics }) => {
    const counts = sourceTopics.map((topic) => cluster.partitionsOf(topic))
    // Half of a join must not run without the other half.
    const count = counts.includes(undefined) ? 0 : Math.max(0, ...counts.map((known) => known ?? 0))
    return Array.from({ length: count }, (_, partition) => ({
      id: `${subtopology}_${partition}`,
      subtopology,
      partition,
    }))
  })
}

function partitionsOf(
  plan: Plan,
  task: PlacedTask,
  cluster: { partitionsOf(topic: string): number | undefined },
): TopicPartition[] {
  const topics = plan.subtopologies[task.subtopology]?.sourceTopics ?? []
  return topics
    .filter((topic) => task.partition < (cluster.partitionsOf(topic) ?? 0))
    .map((topic) => ({ topic, partition: task.partition }))
}

function told(partitions: readonly TopicPartition[], tasks: AssignedTasks): MemberAssignment {
  return { partitions, userData: Buffer.from(JSON.stringify(tasks)) }
}

function memberState(member: AssignorMember): MemberState {
  const parsed = parse(member.userData)
  return {
    fingerprint: String(parsed['fingerprint']),
    standing: texts(parsed['standing']),
    kept: texts(parsed['kept']),
  }
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}

function readAssigned(userData: Buffer | null): AssignedTasks {
  const parsed = parse(userData)
  const tasks: unknown = parsed['tasks']
  const refusal: unknown = parsed['refusal']
  return {
    fingerprint: String(parsed['fingerprint']),
    tasks: Array.isArray(tasks) ? tasks.map(readTask) : [],
    refusal: typeof refusal === 'string' ? refusal : undefined,
  }
}

function readTask(task: unknown): PlacedTask {
  if (typeof task === 'object' && task !== null && 'id' in task && 'subtopology' in task && 'partition' in task) {
    return { id: String(task.id), subtopology: Number(task.subtopology), partition: Number(task.partition) }
  }
  throw configError('group assignment', 'holds something that is not a task', task)
}

function parse(bytes: Buffer | null): Record<string, unknown> {
  const value: unknown = bytes === null || bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'))
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
