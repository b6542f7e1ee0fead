import type { Admin, Producer, TopicHandle } from '@millrace/client'
import { MillraceError } from '@millrace/kernel'
import { makingText, missingText, missingTopics } from './missing-topics.ts'
import { retrying } from './retrying.ts'
import type { TaskRun } from './task-environment.ts'

/** Longest pause between two looks at whether somebody has made the topic. */
const lookEveryMs = 1000

/**
 * A topic that a source writes. It is made as `topic.creation.default.*` says; where that says nothing the task waits
 * until somebody has made it, and tells so.
 *
 * @throws STATE after `errors.retry.timeout`; ABORTED when the task is to stop.
 */
export async function openTarget(run: TaskRun, producer: Producer, topic: string): Promise<TopicHandle> {
  const { client, ports } = run.environment
  const { signal } = run.control
  const admin = client.admin()
  try {
    await createTarget(run, admin, topic)
    const wait = (delayMs: number) => ports.clock.sleep(Math.min(delayMs, lookEveryMs), signal)
    await retrying(run, () => assertThere(run, admin, topic), wait)
  } finally {
    await admin.close()
  }
  return producer.open(topic, { signal })
}

async function assertThere({ spec, control }: TaskRun, admin: Admin, topic: string): Promise<void> {
  if ((await missingTopics(admin, [topic], control.signal)).length === 0) return
  const making = makingText([topic], spec.address)
  throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', missingText([topic]), {
    place: `connector ${spec.connector}`,
    fix: `Make it: ${making}, or set topic.creation.default.partitions in the connector's config`,
  })
}

async function createTarget({ spec }: TaskRun, admin: Admin, topic: string): Promise<void> {
  const prefix = 'topic.creation.default.'
  const options = Object.entries(spec.config).flatMap(([name, value]) =>
    name.startsWith(prefix) ? [[name.slice(prefix.length), value] as const] : [],
  )
  if (options.length === 0) return
  const { partitions, 'replication.factor': replicationFactor, ...configs } = Object.fromEntries(options)
  await admin.createTopics([
    {
      name: topic,
      partitions: typeof partitions === 'number' ? partitions : undefined,
      replicationFactor: typeof replicationFactor === 'number' ? replicationFactor : undefined,
      configs: Object.fromEntries(Object.entries(configs).map(([name, value]) => [name, String(value)])),
    },
  ])
}
