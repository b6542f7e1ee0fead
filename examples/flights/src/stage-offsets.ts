import type { Admin } from 'millrace'
import type { StageProgress } from './progress.ts'

/**
 * A stage as it can be told from offsets alone: what was counted before a restart counts on. The ends of transactions
 * have offsets too, a few hundred in all.
 */
export interface Stage {
  readonly name: string
  /** Reads this topic as this group; undefined group: writes the topic. */
  readonly topic: string
  readonly group: string | undefined
  /** How many records there will be; undefined: as many as the topic holds. */
  readonly total: number | undefined
}

const partitions = [0, 1, 2, 3]

/** Where every stage stands. One question to the engine for each group and one for all ends. */
export async function stageProgress(
  admin: Admin,
  stages: readonly Stage[],
  notes: ReadonlyMap<string, string>,
): Promise<StageProgress[]> {
  const topics = [...new Set(stages.map(({ topic }) => topic))]
  const known = (await admin.describeTopics(topics)).map(({ name }) => name)
  const places = known.flatMap((topic) => partitions.map((partition) => ({ topic, partition })))
  const ends = places.length === 0 ? undefined : await admin.listOffsets(places, 'latest')
  const committed = new Map<string, Map<string, number>>()
  for (const group of new Set(stages.flatMap((stage) => stage.group ?? []))) {
    const sums = new Map<string, number>()
    for (const [{ topic }, { offset }] of await admin.groupOffsets(group))
      sums.set(topic, (sums.get(topic) ?? 0) + offset)
    committed.set(group, sums)
  }
  return stages.map(({ name, topic, group, total }) => {
    const end = partitions.reduce((sum, partition) => sum + (ends?.get(topic, partition) ?? 0), 0)
    const done = group === undefined ? end : (committed.get(group)?.get(topic) ?? 0)
    const lag = group === undefined ? undefined : end - done
    return { name, records: Math.min(done, total ?? done), total: total ?? end, lag, note: notes.get(name) }
  })
}
