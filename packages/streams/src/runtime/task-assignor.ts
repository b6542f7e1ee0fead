import { Buffer } from 'node:buffer'
import type { Assignor, AssignorMember, MemberAssignment } from '@millrace/client'
import { configError, type TopicPartition } from '@millrace/kernel'
import type { Plan } from '../topology/plan.ts'
import { assignTasks, type MemberState, type PlacedTask } from './task-assignment.ts'

/** What a member is told beside its partitions. */
export interface AssignedTasks {
  readonly tasks: readonly PlacedTask[]
  /** Set when the group holds members of another topology: nobody gets work. */
  readonly refusal: string | undefined
}

/** Places tasks, not partitions: a task gets its partition of every source topic of its sub-topology. */
export class TaskAssignor implements Assignor {
  readonly name = 'millrace-tasks'
  /** Set by the thread before it joins. */
  standing: readonly string[] = []
  #assigned: AssignedTasks = { tasks: [], refusal: undefined }
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** From the last rebalance. */
  get assigned(): AssignedTasks {
    return this.#assigned
  }

  userData(): Buffer {
    const state: MemberState = { fingerprint: this.#plan.topology.fingerprint, standing: this.standing }
    return Buffer.from(JSON.stringify(state))
  }

  assign(
    members: readonly AssignorMember[],
    cluster: { partitionsOf(topic: string): number | undefined },
  ): Map<string, MemberAssignment> {
    const states = new Map(members.map((member) => [member.memberId, memberState(member)]))
    const refusal = this.#refusal(states)
    if (refusal !== undefined)
      return new Map(members.map(({ memberId }) => [memberId, told([], { tasks: [], refusal })]))

    const tasks = tasksOf(this.#plan, cluster)
    const placed = assignTasks(tasks, states)
    return new Map(
      [...placed].map(([memberId, held]) => [
        memberId,
        told(
          held.flatMap((task) => partitionsOf(this.#plan, task, cluster)),
          { tasks: held, refusal: undefined },
        ),
      ]),
    )
  }

  onAssigned(userData: Buffer | null, _partitions: readonly TopicPartition[], _generation: number): void {
    this.#assigned = readAssigned(userData)
  }

  #refusal(states: ReadonlyMap<string, MemberState>): string | undefined {
    const fingerprints = new Set([...states.values()].map((state) => state.fingerprint))
    if (fingerprints.size < 2) return undefined
    return `members run different topologies (${[...fingerprints].join(', ')})`
  }
}

/** Every task of a plan, given the partitions that exist. */
export function tasksOf(plan: Plan, cluster: { partitionsOf(topic: string): number | undefined }): PlacedTask[] {
  return plan.subtopologies.flatMap(({ id: subtopology, sourceTopics }) => {
    const count = Math.max(0, ...sourceTopics.map((topic) => cluster.partitionsOf(topic) ?? 0))
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
  const standing: unknown = parsed['standing']
  return {
    fingerprint: String(parsed['fingerprint']),
    standing: Array.isArray(standing) ? standing.filter((id): id is string => typeof id === 'string') : [],
  }
}

function readAssigned(userData: Buffer | null): AssignedTasks {
  const parsed = parse(userData)
  const tasks: unknown = parsed['tasks']
  const refusal: unknown = parsed['refusal']
  return {
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
