import {
  type Admin,
  AssignerProtocol,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  type IHeaders,
  Kafka,
  logLevel,
  Partitioners,
  type Producer,
  type Transaction,
} from 'kafkajs'
import type { ServerUnderTest } from '../servers.ts'
import type {
  AdminUnderTest,
  ByPartition,
  ClientUnderTest,
  DescribedGroup,
  GotRecord,
  MemberChoices,
  MemberUnderTest,
  ProducerChoices,
  ProducerUnderTest,
  ReadOptions,
  SentRecord,
} from './client-under-test.ts'
import { byPartition, Gathered, isRead } from './gathered.ts'

const acksOf = { 0: 0, 1: 1, all: -1 } as const
let groups = 0

/** kafkajs 2.2.4, unmodified. */
export class KafkajsClient implements ClientUnderTest {
  readonly name = 'kafkajs'
  readonly #kafka: Kafka
  readonly #open: (() => Promise<unknown>)[] = []

  constructor({ address }: ServerUnderTest) {
    this.#kafka = new Kafka({
      clientId: 'contract',
      brokers: [address],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 30, retries: 8, maxRetryTime: 500 },
    })
  }

  async producer(choices: ProducerChoices = {}): Promise<ProducerUnderTest> {
    const { transactionalId, transactionTimeoutMs } = choices
    const transactional = transactionalId !== undefined
    const producer = this.#kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: transactional || choices.idempotent === true,
      ...(transactional ? { transactionalId, maxInFlightRequests: 1 } : {}),
      ...(transactionTimeoutMs === undefined ? {} : { transactionTimeout: transactionTimeoutMs }),
    })
    await producer.connect()
    this.#open.push(() => producer.disconnect())
    return new KafkajsProducer(producer, choices)
  }

  async read(topic: string, until: number | string, { from, committed = false }: ReadOptions = {}) {
    const member = await this.member(`reader-${process.pid}-${Date.now()}-${++groups}`, [topic], { committed })
    if (from !== undefined) member.seek(topic, 0, from)
    const got = await member.until(until)
    await member.leave()
    return byPartition(got)
  }

  async member(groupId: string, topics: readonly string[] | RegExp, choices: MemberChoices = {}) {
    const { from = 'earliest', committed = false } = choices
    const consumer = this.#kafka.consumer({
      groupId,
      maxWaitTimeInMs: 100,
      heartbeatInterval: 100,
      readUncommitted: !committed,
    })
    const member = new KafkajsMember(groupId, consumer)
    this.#open.push(() => consumer.disconnect())
    await member.start(topics instanceof RegExp ? [topics] : topics, from === 'earliest')
    return member
  }

  async admin(): Promise<AdminUnderTest> {
    const admin = this.#kafka.admin({ retry: { retries: 0 } })
    await admin.connect()
    this.#open.push(() => admin.disconnect())
    return new KafkajsAdmin(admin)
  }

  async refusal(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => typeOf(error) ?? String(error),
    )
  }

  async close(): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close()
  }
}

/** Kafka's name, from wherever kafkajs has put it. */
function typeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  if ('type' in error && typeof error.type === 'string') return error.type
  for (const name of ['cause', 'errors', 'groups', 'partitions', 'error'] as const) {
    const inner: unknown = name in error ? Reflect.get(error, name) : undefined
    const found = typeOf(Array.isArray(inner) ? inner[0] : inner)
    if (found !== undefined) return found
  }
  return undefined
}

const positionsOf = (positions: ByPartition) =>
  Object.entries(positions).map(([partition, at]) => ({ partition: Number(partition), offset: `${at}` }))

function numbersOf(rows: readonly { readonly partition: number; readonly offset: string }[]): ByPartition {
  return Object.fromEntries(rows.map(({ partition, offset }) => [partition, Number(offset)]))
}

class KafkajsProducer implements ProducerUnderTest {
  readonly #producer: Producer
  readonly #choices: ProducerChoices
  #transaction: Transaction | undefined

  constructor(producer: Producer, choices: ProducerChoices) {
    this.#producer = producer
    this.#choices = choices
  }

  async send(topic: string, records: readonly SentRecord[]): Promise<ByPartition> {
    const { acks = 'all', compression = 'none' } = this.#choices
    const messages = records.map(({ timestampMs, ...record }) =>
      timestampMs === undefined ? record : { ...record, timestamp: `${timestampMs}` },
    )
    const sent = await (this.#transaction ?? this.#producer).send({
      topic,
      messages: messages.map(({ headers = {}, ...message }) => ({ ...message, headers: { ...headers } })),
      acks: acksOf[acks],
      compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
    })
    return Object.fromEntries(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
  }

  async begin(): Promise<void> {
    this.#transaction = await this.#producer.transaction()
  }

  async commit(): Promise<void> {
    await this.#ended()?.commit()
  }

  async abort(): Promise<void> {
    await this.#ended()?.abort()
  }

  async sendOffsets(member: MemberUnderTest, topic: string, positions: ByPartition): Promise<void> {
    const topics = [{ topic, partitions: positionsOf(positions) }]
    await this.#transaction?.sendOffsets({ consumerGroupId: member.groupId, topics })
  }

  #ended(): Transaction | undefined {
    const transaction = this.#transaction
    this.#transaction = undefined
    return transaction
  }
}

class KafkajsMember implements MemberUnderTest {
  readonly groupId: string
  readonly #consumer: Consumer
  readonly #records = new Gathered<GotRecord>()
  readonly #holds = new Gathered<string>()

  constructor(groupId: string, consumer: Consumer) {
    this.groupId = groupId
    this.#consumer = consumer
  }

  async start(topics: readonly (string | RegExp)[], fromBeginning: boolean): Promise<void> {
    const consumer = this.#consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      const held = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => `${topic}/${partition}`),
      )
      this.#holds.replace(held.toSorted())
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#records.fail(payload.error))
    await consumer.connect()
    await consumer.subscribe({ topics: [...topics], fromBeginning })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { offset, timestamp, key, value, headers } }) =>
        this.#records.add({
          partition,
          offset: Number(offset),
          timestampMs: Number(timestamp),
          key: key?.toString() ?? null,
          value: value?.toString() ?? null,
          headers: textsOf(headers),
        }),
    })
  }

  until(until: number | string): Promise<readonly GotRecord[]> {
    return this.#records.until(isRead(until))
  }

  holds(count: number): Promise<readonly string[]> {
    return this.#holds.until((all) => all.length === count)
  }

  commit(topic: string, positions: ByPartition): Promise<void> {
    return this.#consumer.commitOffsets(positionsOf(positions).map((position) => ({ topic, ...position })))
  }

  seek(topic: string, partition: number, to: number): void {
    this.#consumer.seek({ topic, partition, offset: `${to}` })
  }

  pause(topic: string, partition: number): void {
    this.#consumer.pause([{ topic, partitions: [partition] }])
  }

  resume(topic: string, partition: number): void {
    this.#consumer.resume([{ topic, partitions: [partition] }])
  }

  leave(): Promise<void> {
    return this.#consumer.disconnect()
  }
}

const textsOf = (headers: IHeaders = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `${value}`]))

class KafkajsAdmin implements AdminUnderTest {
  readonly #admin: Admin

  constructor(admin: Admin) {
    this.#admin = admin
  }

  createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<boolean> {
    const configEntries = Object.entries(configs).map(([config, value]) => ({ name: config, value }))
    return this.#admin.createTopics({
      topics: [{ topic: name, numPartitions: partitions, configEntries }],
      waitForLeaders: false,
    })
  }

  deleteTopic(name: string): Promise<void> {
    return this.#admin.deleteTopics({ topics: [name] })
  }

  async addPartitions(topic: string, total: number): Promise<void> {
    await this.#admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
  }

  async hasTopic(name: string): Promise<boolean> {
    return (await this.#admin.listTopics()).includes(name)
  }

  async partitions(topic: string): Promise<readonly number[]> {
    const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] })
    return (topics[0]?.partitions ?? []).map(({ partitionId }) => partitionId).toSorted((a, b) => a - b)
  }

  async config(topic: string, name: string): Promise<string | undefined> {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic }]
    const described = await this.#admin.describeConfigs({ resources, includeSynonyms: false })
    return described.resources[0]?.configEntries.find(({ configName }) => configName === name)?.configValue
  }

  async setConfig(topic: string, name: string, value: string): Promise<void> {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }]
    await this.#admin.alterConfigs({ resources, validateOnly: false })
  }

  async offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<ByPartition> {
    if (typeof at === 'number') return numbersOf(await this.#admin.fetchTopicOffsetsByTimestamp(topic, at))
    const rows = await this.#admin.fetchTopicOffsets(topic)
    return numbersOf(rows.map(({ partition, low, high }) => ({ partition, offset: at === 'earliest' ? low : high })))
  }

  async deleteRecords(topic: string, before: ByPartition): Promise<void> {
    await this.#admin.fetchTopicMetadata({ topics: [topic] }) // kafkajs looks for the leader in what it knows already
    await this.#admin.deleteTopicRecords({ topic, partitions: positionsOf(before) })
  }

  async hasGroup(groupId: string): Promise<boolean> {
    return (await this.#admin.listGroups()).groups.some((group) => group.groupId === groupId)
  }

  async describeGroup(groupId: string): Promise<DescribedGroup> {
    const [group] = (await this.#admin.describeGroups([groupId])).groups
    const members = (group?.members ?? []).map(({ clientId, memberAssignment }) => {
      const decoded = memberAssignment.length === 0 ? null : AssignerProtocol.MemberAssignment.decode(memberAssignment)
      const partitions = Object.entries(decoded?.assignment ?? {}).flatMap(([topic, numbers]) =>
        numbers.map((partition) => `${topic}/${partition}`),
      )
      return { clientId, partitions: partitions.toSorted() }
    })
    return { state: group?.state ?? '', protocolType: group?.protocolType ?? '', members }
  }

  async groupOffsets(groupId: string, topic: string): Promise<ByPartition> {
    const [row] = await this.#admin.fetchOffsets({ groupId, topics: [topic] })
    return numbersOf((row?.partitions ?? []).filter(({ offset }) => offset !== '-1'))
  }

  setGroupOffsets(groupId: string, topic: string, positions: ByPartition): Promise<void> {
    return this.#admin.setOffsets({ groupId, topic, partitions: positionsOf(positions) })
  }

  async deleteGroup(groupId: string): Promise<void> {
    await this.#admin.deleteGroups([groupId])
  }

  async cluster() {
    const { brokers, controller } = await this.#admin.describeCluster()
    return { brokers: brokers.map(({ nodeId }) => nodeId), controller }
  }
}
