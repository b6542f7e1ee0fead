import type { Admin, TopicDescription } from '@millrace/client'
import { MillraceError, nearest } from '@millrace/kernel'
import { type ClusterChoice, openCluster } from './cluster-choice.ts'

export interface CreateOptions extends ClusterChoice {
  readonly partitions?: number | undefined
  readonly replicationFactor?: number | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
}

export function list(options: ClusterChoice): Promise<void> {
  return withAdmin(options, async (admin) => {
    for (const name of [...(await admin.listTopics())].sort()) print(name)
  })
}

/** @throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG, … */
export function create(name: string, options: CreateOptions): Promise<void> {
  return withAdmin(options, async (admin) => {
    const { partitions, replicationFactor, config } = options
    const made = await admin.createTopics([{ name, partitions, replicationFactor, configs: config }])
    if (made.length === 0) {
      throw new MillraceError('TOPIC_ALREADY_EXISTS', 'exists already', { place: `topic ${name}` })
    }
    const topic = await found(admin, name)
    print(`made ${name} with ${countOf(topic.partitions.length, 'partition')}`)
  })
}

export function describe(name: string, options: ClusterChoice): Promise<void> {
  return withAdmin(options, async (admin) => {
    const topic = await found(admin, name)
    const places = topic.partitions.map(({ partition }) => ({ topic: name, partition }))
    const [first, end] = await Promise.all([admin.listOffsets(places, 'earliest'), admin.listOffsets(places, 'latest')])
    print(`${name} (${topic.topicId}), ${countOf(places.length, 'partition')}`)
    for (const { partition, leader } of [...topic.partitions].sort((a, b) => a.partition - b.partition)) {
      const from = first.get(name, partition) ?? 0
      const to = end.get(name, partition) ?? 0
      print(`  partition ${partition}: offsets ${from} to ${to}, leader ${leader}`)
    }
    await printConfigs(admin, name)
  })
}

export function remove(name: string, options: ClusterChoice): Promise<void> {
  return withAdmin(options, async (admin) => {
    await found(admin, name)
    await admin.deleteTopics([name])
    print(`deleted ${name}`)
  })
}

/** Without changes: shows what differs from the defaults. An empty value goes back to the default. */
export function config(
  name: string,
  changes: Readonly<Record<string, string>> | undefined,
  options: ClusterChoice,
): Promise<void> {
  return withAdmin(options, async (admin) => {
    await found(admin, name)
    const entries = Object.entries(changes ?? {}).map(([key, value]) => [key, value === '' ? null : value] as const)
    if (entries.length > 0) await admin.alterTopicConfigs(name, Object.fromEntries(entries))
    await printConfigs(admin, name)
  })
}

async function printConfigs(admin: Admin, name: string): Promise<void> {
  for (const [key, { value, source }] of await admin.topicConfigs(name)) {
    if (source === 'topic') print(`  ${key}=${value ?? ''}`)
  }
}

/** @throws UNKNOWN_TOPIC_OR_PARTITION with the name that was meant */
async function found(admin: Admin, name: string): Promise<TopicDescription> {
  const [topic] = await admin.describeTopics([name])
  if (topic !== undefined) return topic
  throw noSuchTopic(name, await admin.listTopics())
}

export function noSuchTopic(name: string, known: readonly string[]): MillraceError {
  const near = nearest(name, known)
  const fix = near === undefined ? `Make it: millrace topics create ${name}` : `Did you mean ${near}?`
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic', { place: `topic ${name}`, fix })
}

async function withAdmin(options: ClusterChoice, act: (admin: Admin) => Promise<void>): Promise<void> {
  const cluster = await openCluster(options)
  const admin = cluster.client.admin()
  try {
    await act(admin)
  } finally {
    await admin.close()
    await cluster.close()
  }
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
