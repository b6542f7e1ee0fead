import type { Admin } from '@millrace/client'
import type { RawConfig } from '@millrace/connect-api'

/** A sink connector with the config that names its topics. */
export interface NamedSink {
  readonly name: string
  readonly raw: RawConfig
}

/** Whether each sink has committed everything that its topics hold. Asks the cluster, which knows it for certain. */
export async function sinksAreDone(admin: Admin, sinks: readonly NamedSink[]): Promise<boolean> {
  for (const { name, raw } of sinks) {
    const topics = await admin.describeTopics(topicsOf(raw['topics']))
    const places = topics.flatMap((topic) =>
      topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
    )
    if (places.length === 0) continue
    const ends = await admin.listOffsets(places, 'latest')
    const committed = await admin.groupOffsets(`connect-${name}`)
    for (const { topic, partition } of places) {
      const end = ends.get(topic, partition) ?? 0
      if (end > 0 && (committed.get(topic, partition)?.offset ?? 0) < end) return false
    }
  }
  return true
}

function topicsOf(topics: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(topics) ? topics : String(topics).split(',')
  return names.map((name) => String(name).trim())
}
