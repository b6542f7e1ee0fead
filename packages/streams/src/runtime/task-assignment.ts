/** What a member tells when it joins, and what it is told. JSON in the group protocol's user data. */
export interface MemberState {
  /** Of the topology: members that differ must not share a group. */
  readonly fingerprint: string
  /** Tasks whose state lies with this member, from its last assignment or its state directory. */
  readonly standing: readonly string[]
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
 * one with fewer tasks takes the next. A task stays where its state stands while that keeps the balance.
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
  const homeless: PlacedTask[] = []
  for (const task of [...tasks].sort(byId)) {
    const home = [...placed].find(([member]) => members.get(member)?.standing.includes(task.id) === true)
    if (home !== undefined && quotas.allow(task.subtopology, countOf(home[1], task.subtopology))) home[1].push(task)
    else homeless.push(task)
  }
  for (const task of homeless) {
    const [, held] = [...placed].reduce((best, candidate) => (lighter(candidate[1], best[1], task) ? candidate : best))
    held.push(task)
  }
  return placed
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
