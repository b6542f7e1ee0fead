import type { Admin } from '@millrace/client'
import { type Clock, configError, type Log } from '@millrace/kernel'
import { type PartitionCounts, resolvePartitions } from '../topology/partition-counts.ts'
import type { Plan } from '../topology/plan.ts'

/** How long an application waits for the topics of its user to appear. */
const sourceTopicsWaitMs = 30_000

/**
 * Makes the repartition and changelog topics that are missing, and tells how many partitions every topic has. Safe to
 * run in several threads and processes at once: a topic that exists already is left as it is.
 *
 * @throws CONFIG naming the topic when a source topic does not appear, when joined topics differ in their partitions,
 *   or when an internal topic exists with another number of partitions than the topology needs.
 */
export async function setUpTopics(
  plan: Plan,
  admin: Admin,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<PartitionCounts> {
  await waitForSources(plan, admin, clock, log, signal)
  for (let round = 1; ; round++) {
    const existing = await partitionCounts(plan, admin)
    const counts = resolvePartitions(plan, (topic) => existing.get(topic))
    const missing = []
    for (const { name, config, partitions } of [...plan.repartitionTopics, ...plan.changelogTopics]) {
      const wanted = partitions ?? counts.topics.get(name) ?? 1
      const found = existing.get(name)
      if (found === undefined) missing.push({ name, partitions: wanted, configs: config })
      else if (found !== wanted) throw wrongPartitions(name, found, wanted)
    }
    if (missing.length === 0) return counts
    if (round > 10)
      throw configError(
        'internal topics',
        'do not appear after they were created',
        missing.map(({ name }) => name),
      )
    await admin.createTopics(missing)
  }
}

async function waitForSources(plan: Plan, admin: Admin, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  const until = clock.monotonicMs() + sourceTopicsWaitMs
  let told = false
  for (;;) {
    const known = new Set((await admin.describeTopics(plan.externalSourceTopics)).map(({ name }) => name))
    const missing = plan.externalSourceTopics.filter((topic) => !known.has(topic))
    if (missing.length === 0) return
    if (clock.monotonicMs() >= until) {
      throw configError('topology source', 'does not exist', missing.join(', '), 'Create the topic first.')
    }
    if (!told) log.info('waiting for topics', { topics: missing })
    told = true
    await clock.sleep(100, signal)
  }
}

async function partitionCounts(plan: Plan, admin: Admin): Promise<Map<string, number>> {
  const internal = [...plan.repartitionTopics, ...plan.changelogTopics].map(({ name }) => name)
  const found = await admin.describeTopics([...plan.externalSourceTopics, ...internal])
  return new Map(found.map(({ name, partitions }) => [name, partitions.length]))
}

function wrongPartitions(name: string, found: number, wanted: number): Error {
  return configError(
    `topic ${name}`,
    `needs ${wanted} partitions`,
    found,
    'Its source topics or its topology have changed: reset the application (delete its internal topics and state), ' +
      'or use another applicationId.',
  )
}
