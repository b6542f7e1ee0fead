import type { Admin } from '@millrace/client'
import { type Clock, configError, type Log } from '@millrace/kernel'
import { type PartitionCounts, resolvePartitions } from '../topology/partition-counts.ts'
import type { Plan } from '../topology/plan.ts'

/** How long an application waits for the topics of its user to appear. */
const topicsWaitMs = 30_000

/**
 * Makes the repartition and changelog topics that are missing, and tells how many partitions every topic has. Safe to
 * run in several threads and processes at once: a topic that exists already is left as it is.
 *
 * @param onWait told which topics of the user are missing whenever that changes; none: all are there
 * @throws CONFIG naming the topic when one that the topology reads or writes does not appear (Kafka Streams'
 *   MissingSourceTopicException), when joined topics differ in their partitions, or when an internal topic exists with
 *   another number of partitions than the topology needs.
 */
export async function setUpTopics(
  plan: Plan,
  admin: Pick<Admin, 'describeTopics' | 'createTopics'>,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
  onWait: (missing: readonly string[]) => void,
): Promise<PartitionCounts> {
  await waitForTopics(plan, admin, clock, signal, (missing) => {
    if (missing.length > 0) log.info('waiting for topics', { topics: missing })
    onWait(missing)
  })
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

async function waitForTopics(
  plan: Plan,
  admin: Pick<Admin, 'describeTopics' | 'createTopics'>,
  clock: Clock,
  signal: AbortSignal,
  onWait: (missing: readonly string[]) => void,
): Promise<void> {
  const wanted = topicsOfUser(plan)
  const until = clock.monotonicMs() + topicsWaitMs
  let told: readonly string[] = []
  for (;;) {
    const known = new Set((await admin.describeTopics(wanted, { signal })).map(({ name }) => name))
    const missing = wanted.filter((topic) => !known.has(topic))
    if (missing.join() !== told.join()) onWait(missing)
    told = missing
    if (missing.length === 0) return
    if (clock.monotonicMs() >= until) throw missingTopics(plan, missing)
    await clock.sleep(100, signal)
  }
}

/** What the application reads and writes and does not make itself. */
function topicsOfUser({ externalSourceTopics, writtenTopics, repartitionTopics, changelogTopics }: Plan): string[] {
  const own = new Set([...repartitionTopics, ...changelogTopics].map(({ name }) => name))
  return [...new Set([...externalSourceTopics, ...writtenTopics])].filter((topic) => !own.has(topic))
}

function missingTopics({ applicationId, externalSourceTopics }: Plan, missing: readonly string[]): Error {
  const read = missing.every((topic) => externalSourceTopics.includes(topic))
  const problem = missing.length === 1 ? 'does not exist' : 'do not exist'
  const commands = missing.map((topic) => `millrace topics create ${topic}`).join('; ')
  const place = `${read ? 'topology source' : 'topics'} of ${applicationId}`
  return configError(place, problem, missing.join(', '), `Create the topic first: ${commands}`)
}

async function partitionCounts(plan: Plan, admin: Pick<Admin, 'describeTopics'>): Promise<Map<string, number>> {
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
