/** What a member tells when it joins, and what it is told. JSON in the group protocol's user data. */
export interface MemberState {
  /** Of the topology: members that differ must not share a group. */
  readonly fingerprint: string
  /** Tasks it ran until now. */
  readonly standing: readonly string[]
  /** Tasks with a directory in its process's state directory; all threads of a process tell the same. */
  readonly kept: readonly string[]
}

/** A task to place: `0_3` and the partitions it reads. */
export interface PlacedTask {
  readonly id: string
  readonly subtopology: number
  readonly partition: number
}

/**
 * Places every task on one member: of each sub-topology no member holds two more than another, and where members are
 * equal in that, the
 * one with fewer tasks takes the next. A task stays where it ran, else goes where its state is kept, while that keeps
 * the balance.
 *
 * Deterministic: the same members and states give the same answer.
 */
export function assignTasks(
  tasks: readonly PlacedTask[],
  members: ReadonlyMap<string, MemberState>,
): Map<string, PlacedTask[]> {
  const placed = new Map<string, PlacedTask[]>([...members.keys()].sort().map((member) => [member, []]))
  if (placed.size === 0) return placed
  const quotas = new Quotas(tasks, placed.size)
  let homeless: readonly PlacedTask[] = [...tasks].sort(byId)
  for (const claim of ['standing', 'kept'] as const) {
    homeless = homeless.filter((task) => {
      const homes = [...placed].filter(([member]) => members.get(member)?.[claim].includes(task.id) === true)
      const home = lightest(homes, task)
      if (home === undefined || !quotas.allow(task.subtopology, countOf(home, task.subtopology))) return true
      home.push(task)
      return false
    })
  }
  for (const task of homeless) lightest([...placed], task)?.push(task)
  return placed
}

/** What the member holds that should take the task; undefined where there is none to choose from. */
function lightest(members: readonly (readonly [string, PlacedTask[]])[], task: PlacedTask): PlacedTask[] | undefined {
  let best: PlacedTask[] | undefined
  for (const [, held] of members) if (best === undefined || lighter(held, best, task)) best = held
  return best
}

/** Of 6 tasks on 5 members one member may hold 2 and nobody more: `floor` for all, one above it for the remainder. */
class Quotas {
  readonly #floors = new Map<number, number>()
  readonly #extras = new Map<number, number>()

  constructor(tasks: readonly PlacedTask[], members: number) {
    for (const subtopology of new Set(tasks.map((task) => task.subtopology))) {
      const count = countOf(tasks, subtopology)
      this.#floors.set(subtopology, Math.floor(count / members))
      this.#extras.set(subtopology, count % members)
    }
  }

  /** Whether a member that holds `held` of the sub-topology may take one more; an extra place is then used up. */
  allow(subtopology: number, held: number): boolean {
    const floor = this.#floors.get(subtopology) ?? 0
    if (held < floor) return true
    const extras = this.#extras.get(subtopology) ?? 0
    if (held > floor || extras === 0) return false
    this.#extras.set(subtopology, extras - 1)
    return true
  }
}

/** Fewer of the same sub-topology first, then fewer tasks. */
function lighter(a: readonly PlacedTask[], b: readonly PlacedTask[], task: PlacedTask): boolean {
  const ofA = countOf(a, task.subtopology)
  const ofB = countOf(b, task.subtopology)
  return ofA !== ofB ? ofA < ofB : a.length < b.length
}

function countOf(held: readonly PlacedTask[], subtopology: number): number {
  return held.reduce((count, task) => (task.subtopology === subtopology ? count + 1 : count), 0)
}

function byId(a: PlacedTask, b: PlacedTask): number {
  return a.subtopology - b.subtopology || a.partition - b.partition
}
