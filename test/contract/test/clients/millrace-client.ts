import {
  type Client,
  type Consumer,
  createClient,
  type Producer,
  type ProducerOptions,
  recordsOf,
  type TopicDescription,
  tcpTransport,
} from '@millrace/client'
import { codeOf, offset, TopicPartitionMap } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import type { ServerUnderTest } from '../servers.ts'
import type {
  AdminUnderTest,
  ByPartition,
  ClientUnderTest,
  GotRecord,
  MemberChoices,
  MemberUnderTest,
  ProducerChoices,
  ProducerUnderTest,
  ReadOptions,
  SentRecord,
} from './client-under-test.ts'
import { byPartition, Gathered, isRead } from './gathered.ts'

const text = (bytes: Buffer): string => bytes.toString()

/** Ours, over TCP. */
export class MillraceClient implements ClientUnderTest {
  readonly name = '@millrace/client'
  readonly client: Client
  readonly #refusals = new Set<unknown>()

  constructor({ address }: ServerUnderTest) {
    const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
    const transport = tcpTransport({ bootstrap: [address], ports, clientId: 'contract' })
    this.client = createClient({ transport, ports, clientId: 'contract' })
  }

  async producer({ compression = 'none', ...choices }: ProducerChoices = {}): Promise<ProducerUnderTest> {
    const options: ProducerOptions = { compression, ...choices }
    const producer = this.client.producer(options)
    if (choices.transactionalId !== undefined) await producer.initTransactions()
    return new MillraceProducer(producer)
  }

  async read(topic: string, until: number | string, { from, committed = false }: ReadOptions = {}) {
    const consumer = this.client.consumer({ autoOffsetReset: 'earliest', isolation: isolation(committed) })
    const partitions = await this.#partitionsOf(topic)
    consumer.assign(partitions.map((partition) => ({ topic, partition })))
    if (from !== undefined) consumer.seek({ topic, partition: 0 }, offset(from))
    const reader = new Reading(consumer)
    const got = await reader.gathered.until(isRead(until))
    await reader.end()
    return byPartition(got)
  }

  async member(groupId: string, topics: readonly string[] | RegExp, choices: MemberChoices = {}) {
    const { from = 'earliest', committed = false } = choices
    const consumer = this.client.consumer({
      groupId,
      autoOffsetReset: from,
      isolation: isolation(committed),
      heartbeatIntervalMs: 100,
    })
    return new MillraceMember(groupId, consumer, topics)
  }

  async admin(): Promise<AdminUnderTest> {
    return new MillraceAdmin(this.client)
  }

  async refusal(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => {
        this.#refusals.add(error)
        return codeOf(error) ?? String(error)
      },
    )
  }

  /** Closing flushes, and that tells of what failed before. */
  async close(): Promise<void> {
    await this.client.close().catch((error: unknown) => {
      if (!this.#refusals.has(error)) throw error
    })
  }

  async #partitionsOf(topic: string): Promise<readonly number[]> {
    const described = await this.client.admin().describeTopics([topic])
    return partitionsOf(described)
  }
}

const isolation = (committed: boolean) => (committed ? 'read_committed' : 'read_uncommitted')

const partitionsOf = ([topic]: readonly TopicDescription[]): readonly number[] =>
  (topic?.partitions ?? []).map(({ partition }) => partition).toSorted((a, b) => a - b)

function positionsOf(topic: string, positions: ByPartition) {
  const map = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
  for (const [partition, at] of Object.entries(positions)) {
    map.set(topic, Number(partition), { offset: offset(at), leaderEpoch: -1, metadata: '' })
  }
  return map
}

function offsetsOf(topic: string, positions: ByPartition) {
  const map = new TopicPartitionMap<ReturnType<typeof offset>>()
  for (const [partition, at] of Object.entries(positions)) map.set(topic, Number(partition), offset(at))
  return map
}

class MillraceProducer implements ProducerUnderTest {
  readonly #producer: Producer

  constructor(producer: Producer) {
    this.#producer = producer
  }

  async send(topic: string, records: readonly SentRecord[]): Promise<ByPartition> {
    const sent = await Promise.all(
      records.map(({ headers = {}, ...record }) => {
        const pairs = Object.entries(headers).map(([key, value]) => ({ key, value }))
        return this.#producer.send({ topic, ...record, headers: pairs })
      }),
    )
    const first: Record<string, number> = {}
    for (const at of sent)
      if (at.offset >= 0) first[at.partition] = Math.min(first[at.partition] ?? at.offset, at.offset)
    return first
  }

  async begin(): Promise<void> {
    this.#producer.beginTransaction()
  }

  commit(): Promise<void> {
    return this.#producer.commitTransaction()
  }

  abort(): Promise<void> {
    return this.#producer.abortTransaction()
  }

  sendOffsets(member: MemberUnderTest, topic: string, positions: ByPartition): Promise<void> {
    const group = member instanceof MillraceMember ? member.consumer.groupMetadata() : undefined
    if (group === undefined) throw new Error('it is no member')
    return this.#producer.sendOffsets(positionsOf(topic, positions), group)
  }
}

/** Polls on and on, and keeps what comes. */
class Reading {
  readonly consumer: Consumer
  readonly gathered = new Gathered<GotRecord>()
  readonly #ended: Promise<void>
  readonly #over = new AbortController()

  constructor(consumer: Consumer) {
    this.consumer = consumer
    this.#ended = this.#read().catch((error: unknown) => {
      if (!this.#over.signal.aborted) this.gathered.fail(error)
    })
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#ended
    await this.consumer.close()
  }

  async #read(): Promise<void> {
    const { signal } = this.#over
    while (!signal.aborted) {
      for (const record of recordsOf(await this.consumer.poll({ signal }), { key: text, value: text })) {
        const { partition, timestampMs, key, value } = record
        const headers = Object.fromEntries(record.headers.map((each) => [each.key, `${each.value}`]))
        this.gathered.add({ partition, offset: record.offset, timestampMs, key, value, headers })
      }
    }
  }
}

class MillraceMember implements MemberUnderTest {
  readonly groupId: string
  readonly consumer: Consumer
  readonly #reading: Reading
  readonly #holds = new Gathered<string>()

  constructor(groupId: string, consumer: Consumer, topics: readonly string[] | RegExp) {
    this.groupId = groupId
    this.consumer = consumer
    consumer.subscribe(topics, {
      onAssigned: () => {
        const held = consumer.assignment().map(({ topic, partition }) => `${topic}/${partition}`)
        this.#holds.replace(held.toSorted())
      },
    })
    this.#reading = new Reading(consumer)
  }

  until(until: number | string): Promise<readonly GotRecord[]> {
    return this.#reading.gathered.until(isRead(until))
  }

  holds(count: number): Promise<readonly string[]> {
    return this.#holds.until((all) => all.length === count)
  }

  commit(topic: string, positions: ByPartition): Promise<void> {
    return this.consumer.commit(positionsOf(topic, positions))
  }

  seek(topic: string, partition: number, to: number): void {
    this.consumer.seek({ topic, partition }, offset(to))
  }

  pause(topic: string, partition: number): void {
    this.consumer.pause([{ topic, partition }])
  }

  resume(topic: string, partition: number): void {
    this.consumer.resume([{ topic, partition }])
  }

  leave(): Promise<void> {
    return this.#reading.end()
  }
}

class MillraceAdmin implements AdminUnderTest {
  readonly #admin: ReturnType<Client['admin']>

  constructor(client: Client) {
    this.#admin = client.admin()
  }

  async createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}) {
    return (await this.#admin.createTopics([{ name, partitions, configs }])).length === 1
  }

  deleteTopic(name: string): Promise<void> {
    return this.#admin.deleteTopics([name])
  }

  addPartitions(topic: string, total: number): Promise<void> {
    return this.#admin.createPartitions(topic, total)
  }

  async hasTopic(name: string): Promise<boolean> {
    return (await this.#admin.listTopics()).includes(name)
  }

  async partitions(topic: string): Promise<readonly number[]> {
    return partitionsOf(await this.#admin.describeTopics([topic]))
  }

  async config(topic: string, name: string): Promise<string | null | undefined> {
    return (await this.#admin.topicConfigs(topic)).get(name)?.value
  }

  setConfig(topic: string, name: string, value: string): Promise<void> {
    return this.#admin.alterTopicConfigs(topic, { [name]: value })
  }

  async offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<ByPartition> {
    const asked = (await this.partitions(topic)).map((partition) => ({ topic, partition }))
    const ends = await this.#admin.listOffsets(asked, 'latest')
    const found = await this.#admin.listOffsets(asked, at)
    return Object.fromEntries(
      asked.map(({ partition }) => [partition, found.get(topic, partition) ?? ends.get(topic, partition) ?? -1]),
    )
  }

  deleteRecords(topic: string, before: ByPartition): Promise<void> {
    return this.#admin.deleteRecords(offsetsOf(topic, before))
  }

  async hasGroup(groupId: string): Promise<boolean> {
    return (await this.#admin.listGroups()).some((group) => group.groupId === groupId)
  }

  async describeGroup(groupId: string) {
    const [group] = await this.#admin.describeGroups([groupId])
    const members = (group?.members ?? []).map(({ clientId, partitions }) => ({
      clientId,
      partitions: partitions.map(({ topic, partition }) => `${topic}/${partition}`).toSorted(),
    }))
    return { state: group?.state ?? '', protocolType: group?.protocolType ?? '', members }
  }

  async groupOffsets(groupId: string, topic: string): Promise<ByPartition> {
    const all = [...(await this.#admin.groupOffsets(groupId))]
    return Object.fromEntries(all.flatMap(([at, held]) => (at.topic === topic ? [[at.partition, held.offset]] : [])))
  }

  setGroupOffsets(groupId: string, topic: string, positions: ByPartition): Promise<void> {
    return this.#admin.alterGroupOffsets(groupId, positionsOf(topic, positions))
  }

  deleteGroup(groupId: string): Promise<void> {
    return this.#admin.deleteGroups([groupId])
  }

  async cluster() {
    const { brokers, controller } = await this.#admin.describeCluster()
    return { brokers: brokers.map(({ nodeId }) => nodeId), controller }
  }
}
