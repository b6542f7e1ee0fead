import { type Disk, MillraceError, type Random } from '@millrace/kernel'
import type { TopicRecord } from './partition-log.ts'
import { formatCheckpoint, readCheckpoint, replaceWhole } from './whole-file.ts'

/** A topic as `topics.json` has it. */
export interface StoredTopic extends TopicRecord {
  /** Its deletion has been promised, its files may still be there. */
  readonly deleting: boolean
}

/** `topics.json`: what Kafka keeps in its controller's log. Written whole, atomically. */
export interface StoredTopics {
  /** Goes up at each unclean start; the leader epoch of every partition. */
  readonly leaderEpoch: number
  readonly topics: readonly StoredTopic[]
}

const topicsVersion = 1

export async function saveTopics(disk: Disk, directory: string, stored: StoredTopics): Promise<void> {
  const topics = stored.topics.map(({ name, topicId, partitions, configs, deleting }) => {
    const plain = { name, topicId, partitions, configs: Object.fromEntries([...configs].sort()) }
    return deleting ? { ...plain, deleting } : plain
  })
  const text = JSON.stringify({ version: topicsVersion, leaderEpoch: stored.leaderEpoch, topics }, undefined, 2)
  await replaceWhole(disk, `${directory}/topics.json`, `${text}\n`)
}

/** undefined in a new directory. @throws CORRUPT_FILE */
export function readTopics(disk: Disk, directory: string): StoredTopics | undefined {
  const place = `${directory}/topics.json`
  const bytes = disk.readWhole(place)
  if (bytes === undefined) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(bytes.toString())
  } catch (cause) {
    throw new MillraceError('CORRUPT_FILE', 'it is no JSON', { place, cause })
  }
  if (!isObject(parsed) || parsed['version'] !== topicsVersion) {
    throw new MillraceError('CORRUPT_FILE', `version is not ${topicsVersion}`, { place })
  }
  const { leaderEpoch, topics } = parsed
  if (!isCount(leaderEpoch) || !Array.isArray(topics)) {
    throw new MillraceError('CORRUPT_FILE', 'leaderEpoch or topics is missing', { place })
  }
  return { leaderEpoch, topics: topics.map((topic: unknown) => storedTopic(topic, place)) }
}

function storedTopic(topic: unknown, place: string): StoredTopic {
  if (isObject(topic)) {
    const { name, topicId, partitions, configs } = topic
    if (typeof name === 'string' && typeof topicId === 'string' && isCount(partitions) && isObject(configs)) {
      const texts = Object.entries(configs).map(([key, value]): [string, string] => [key, String(value)])
      return { name, topicId, partitions, configs: new Map(texts), deleting: topic['deleting'] === true }
    }
  }
  throw new MillraceError('CORRUPT_FILE', 'a topic is not whole', { place, value: topic })
}

/** Whose a data directory is. */
export interface Identity {
  readonly clusterId: string | undefined
  readonly nodeId: number | undefined
}

/** Says that `node.id` is the broker's: directories of earlier releases have 1 there, whatever the broker's was. */
const writtenBy = '# millrace 1'

/**
 * `meta.properties`, as Kafka writes it. Made in a new directory, and in an old one compared with what was asked for.
 * Source: MetaPropertiesEnsemble.verify.
 *
 * @throws CORRUPT_FILE, CONFIG
 */
export async function clusterIdOf(disk: Disk, directory: string, random: Random, asked: Identity): Promise<string> {
  const place = `${directory}/meta.properties`
  const write = (lines: readonly string[]) => replaceWhole(disk, place, `${[writtenBy, ...lines].join('\n')}\n`)
  const text = disk.readWhole(place)?.toString()
  if (text === undefined) {
    const clusterId = asked.clusterId ?? random.uuid()
    const ids = [`cluster.id=${clusterId}`, `node.id=${asked.nodeId ?? 0}`, `directory.id=${random.uuid()}`]
    await write(['version=1', ...ids])
    return clusterId
  }
  const clusterId = /^cluster\.id=(.+)$/m.exec(text)?.[1]
  if (clusterId === undefined) throw new MillraceError('CORRUPT_FILE', 'cluster.id is missing', { place })
  if (asked.clusterId !== undefined && asked.clusterId !== clusterId) {
    const fix = `Give the cluster id ${clusterId}, or another data directory.`
    throw new MillraceError('CONFIG', `the directory belongs to cluster ${clusterId}`, {
      place,
      value: asked.clusterId,
      fix,
    })
  }
  const nodeId = /^node\.id=(\d+)$/m.exec(text)?.[1]
  if (asked.nodeId === undefined || nodeId === String(asked.nodeId)) return clusterId
  if (nodeId !== undefined && text.split('\n').includes(writtenBy)) {
    const fix = `Set node.id=${nodeId} to go on with it, or give a new broker a data directory of its own.`
    throw new MillraceError('CONFIG', `the directory belongs to broker ${nodeId}`, { place, value: asked.nodeId, fix })
  }
  const rest = text.split('\n').filter((line) => line !== '' && line !== writtenBy && !line.startsWith('node.id='))
  await write([...rest, `node.id=${asked.nodeId}`])
  return clusterId
}

type CheckpointName = `${'recovery-point' | 'log-start' | 'cleaner'}-offset-checkpoint`

/** Offsets by topic and partition: `<topic> <partition> <offset>` a line. */
export class OffsetCheckpoint {
  readonly #path: string
  readonly #disk: Disk

  constructor(disk: Disk, directory: string, name: CheckpointName) {
    this.#disk = disk
    this.#path = `${directory}/${name}`
  }

  read(): Map<string, number> {
    const offsets = new Map<string, number>()
    for (const [topic, partition, at] of readCheckpoint(this.#disk, this.#path, 3) ?? []) {
      const value = Number(at)
      if (!isCount(value))
        throw new MillraceError('CORRUPT_FILE', 'an offset is no number', { place: this.#path, value: at })
      offsets.set(`${topic}-${partition}`, value)
    }
    return offsets
  }

  async write(
    entries: Iterable<{ readonly topic: string; readonly partition: number; readonly at: number }>,
  ): Promise<void> {
    const lines = [...entries].map(({ topic, partition, at }) => `${topic} ${partition} ${at}`)
    await replaceWhole(this.#disk, this.#path, formatCheckpoint(lines))
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
