import {
  errorCodeOf,
  type KafkaErrorCode,
  kafkaError,
  MillraceError,
  messageOf,
  type Ports,
  remedyFor,
  type Timer,
} from '@millrace/kernel'
import { type Connection, fill, type NodeAddress, type ResponseOf, type Transport } from '@millrace/protocol/internal'
import { Backoff, orAborted, throwIfAborted } from './backoff.ts'
import { Lane } from './lane.ts'
import { Reconnects } from './reconnects.ts'
import { type PartitionMetadata, readTopic, type TopicMetadata, topicError } from './topic-metadata.ts'

type MetadataResponse = ResponseOf<'metadata'>

/** FindCoordinator's key types. */
const coordinatorKeyTypes = { group: 0, transaction: 1 } as const
export type CoordinatorKind = keyof typeof coordinatorKeyTypes

/** A topic of the cluster as a listing names it. */
export interface ListedTopic {
  readonly name: string
  readonly internal: boolean
}

/** A broker and partition leader that an answer told of, before metadata did (KIP-951). */
export interface ToldLeader {
  readonly leader: number
  readonly leaderEpoch: number
}

/**
 * What a client knows of the cluster: brokers, topics, leaders, the controller. Shared by all that one client makes; refreshed when
 * somebody meets an error whose remedy is to ask again, topic by topic, and as a whole each `metadataMaxAgeMs`.
 */
export class Cluster {
  readonly ports: Ports
  readonly metadataMaxAgeMs: number
  readonly #transport: Transport
  readonly #control: Lane
  readonly #lanes = new Set<Lane>()
  readonly #brokers = new Map<number, NodeAddress>()
  /** Of brokers that have one. */
  readonly #racks = new Map<number, string>()
  readonly #reconnects: Reconnects
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #errors = new Map<string, KafkaErrorCode>()
  readonly #names = new Map<string, string>()
  /** Topics that somebody reads or writes: a whole refresh asks for them all. */
  readonly #tracked = new Set<string>()
  /** Those of them that are to be made when they do not exist. */
  readonly #creating = new Set<string>()
  readonly #listeners = new Set<() => void>()
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  /** What the next refresh asks for. */
  #wanted: Set<string> | 'all' = new Set()
  #controllerId = -1
  #age: Timer | undefined
  #closed = false

  constructor(transport: Transport, ports: Ports, metadataMaxAgeMs = 300_000) {
    this.ports = ports
    this.metadataMaxAgeMs = metadataMaxAgeMs
    this.#transport = transport
    this.#reconnects = new Reconnects(ports.clock, ports.random)
    this.#control = this.lane()
  }

  /** A set of connections of its own. */
  lane(): Lane {
    const lane = new Lane(
      this.#transport,
      this.#reconnects,
      (nodeId) => this.#brokers.get(nodeId),
      (closed) => this.#lanes.delete(closed),
    )
    this.#lanes.add(lane)
    return lane
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  /** Why a topic that was asked for is not there. */
  topicError(name: string): KafkaErrorCode | undefined {
    return this.#errors.get(name)
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.#topics.get(topic)?.partitions[partition]
  }

  /** Of the brokers that hold a partition, each once; those without a rack are left out. */
  racksOf(topic: string, partition: number): string[] {
    const replicas = this.partition(topic, partition)?.replicas ?? []
    return [...new Set(replicas.flatMap((nodeId) => this.#racks.get(nodeId) ?? []))].sort()
  }

  /** The name behind an id in a response; a response that carries names wins. */
  nameOf(name: string, topicId: string): string {
    return name !== '' ? name : (this.#names.get(topicId) ?? '')
  }

  brokers(): IterableIterator<number> {
    return this.#brokers.keys()
  }

  /** A coordinator need not be in the metadata yet. */
  learn(node: NodeAddress): void {
    this.#brokers.set(node.nodeId, node)
  }

  /** @param create a topic among them that does not exist is made by the broker, if it may. */
  track(topics: Iterable<string>, create = false): void {
    for (const topic of topics) {
      this.#tracked.add(topic)
      if (create) this.#creating.add(topic)
    }
  }

  /** They were deleted: nobody is to be told of them any more. */
  forgetTopics(topics: Iterable<string>): void {
    for (const topic of topics) {
      this.#tracked.delete(topic)
      this.#creating.delete(topic)
      this.#topics.delete(topic)
      this.#errors.delete(topic)
    }
  }

  /** Called after every refresh. Returns how to stop. */
  onRefresh(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Asks a broker anew, for `topics` or, without any, for all that are tracked. Whoever calls while an answer is awaited shares the
   * next one, so the answer is always younger than the call.
   *
   * @throws CONNECTION_REFUSED when no broker answers.
   */
  refresh(topics?: Iterable<string>): Promise<void> {
    if (topics === undefined) this.#wanted = 'all'
    else {
      for (const topic of topics) {
        this.#tracked.add(topic)
        if (this.#wanted !== 'all') this.#wanted.add(topic)
      }
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        this.#running = this.#fetchWanted()
        return this.#running
      })
    return this.#next
  }

  /** All topics that this client may see. @throws CONNECTION_REFUSED when no broker answers. */
  async listTopics(): Promise<readonly ListedTopic[]> {
    const connection = await this.any()
    const request = fill('metadata', 'request', { topics: null, allowAutoTopicCreation: false })
    const answer = await connection.send('metadata', request)
    this.#absorbBrokers(answer)
    return answer.topics.flatMap(({ name, isInternal }) => (name === null ? [] : [{ name, internal: isInternal }]))
  }

  /** What an answer says of a leader (KIP-951). Returns whether it is news. */
  learnLeader(topic: string, partition: number, { leader, leaderEpoch }: ToldLeader): boolean {
    const known = this.#topics.get(topic)
    const before = known?.partitions[partition]
    if (known === undefined || before === undefined || leader < 0 || leaderEpoch <= before.leaderEpoch) return false
    if (!this.#brokers.has(leader)) return false
    this.#topics.set(topic, {
      ...known,
      partitions: known.partitions.with(partition, { ...before, leader, leaderEpoch }),
    })
    return true
  }

  /**
   * Waits until a topic exists and has a leader. A partition without one holds nobody up who is there for the others.
   *
   * @throws UNKNOWN_TOPIC_OR_PARTITION after `timeoutMs`; at once what cannot be retried (INVALID_TOPIC_EXCEPTION, …).
   */
  async awaitTopic(name: string, timeoutMs: number, signal?: AbortSignal): Promise<TopicMetadata> {
    const { clock, random } = this.ports
    const deadline = clock.monotonicMs() + timeoutMs
    const backoff = new Backoff(random)
    for (;;) {
      throwIfAborted(signal)
      const known = this.#topics.get(name)
      if (known?.partitions.some(({ leader }) => leader >= 0) === true) return known
      let failure: unknown
      try {
        await orAborted(this.refresh([name]), signal)
        const code = this.#errors.get(name)
        if (code === undefined && this.#topics.has(name)) continue
        failure = kafkaError(code ?? 'UNKNOWN_TOPIC_OR_PARTITION', `topic ${name}`)
      } catch (error) {
        failure = error
      }
      const remedy = remedyFor(failure)
      if (remedy !== 'retry' && remedy !== 'refresh-metadata') throw failure
      const pause = backoff.next()
      if (clock.monotonicMs() + pause >= deadline) throw failure
      await orAborted(clock.sleep(pause, signal), signal)
    }
  }

  /**
   * A connection for control requests to any broker that answers: one that stands, then those that were not in vain a moment ago, from a
   * random one on, then the addresses the client began with: brokers may all have moved meanwhile (KIP-899).
   *
   * @throws the last broker's error.
   */
  async any(): Promise<Connection> {
    let failure: unknown = new MillraceError('CONNECTION_REFUSED', 'the transport names no broker to begin with')
    for (const node of this.#inOrder()) {
      try {
        return await this.#control.toAddress(node)
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'CLOSED') throw error
        failure = error
      }
    }
    throw failure
  }

  #inOrder(): NodeAddress[] {
    const known = [...this.#brokers.values()]
    const from = Math.floor(this.ports.random.next() * known.length)
    const turned = [...known.slice(from), ...known.slice(0, from), ...this.#transport.bootstrap]
    const rank = ({ nodeId }: NodeAddress) => {
      if (this.#control.established(nodeId) !== undefined) return 0
      return this.#reconnects.isResting(nodeId) ? 2 : 1
    }
    return turned.sort((a, b) => rank(a) - rank(b))
  }

  /** A connection for control requests to one broker. */
  to(nodeId: number): Promise<Connection> {
    return this.#control.to(nodeId)
  }

  async controller(): Promise<Connection> {
    if (this.#controllerId < 0 || !this.#brokers.has(this.#controllerId)) await this.refresh()
    return this.#controllerId >= 0 && this.#brokers.has(this.#controllerId) ? this.to(this.#controllerId) : this.any()
  }

  /** Which broker coordinates it. @throws COORDINATOR_NOT_AVAILABLE and the like, to be retried. */
  async coordinator(kind: CoordinatorKind, key: string): Promise<number> {
    const place = kind === 'group' ? `group ${key}` : `transactional id ${key}`
    const connection = await this.any()
    const request = fill('findCoordinator', 'request', { keyType: coordinatorKeyTypes[kind], coordinatorKeys: [key] })
    const answer = (await connection.send('findCoordinator', request)).coordinators[0]
    if (answer === undefined) throw kafkaError('COORDINATOR_NOT_AVAILABLE', place)
    throwIfError(answer.errorCode, place, answer.errorMessage ?? undefined)
    this.learn({ nodeId: answer.nodeId, host: answer.host, port: answer.port })
    return answer.nodeId
  }

  groupCoordinator(groupId: string): Promise<number> {
    return this.coordinator('group', groupId)
  }

  async close(): Promise<void> {
    this.#age?.cancel()
    this.#age = undefined
    this.#closed = true
    await Promise.all([...this.#lanes].map((lane) => lane.close()))
  }

  async #fetchWanted(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = new Set()
    const names = wanted === 'all' ? [...this.#tracked] : [...wanted]
    const creating = names.filter((name) => this.#creating.has(name) && !this.#topics.has(name))
    const others = creating.length === 0 ? names : names.filter((name) => !creating.includes(name))
    if (others.length > 0 || creating.length === 0) await this.#fetchTopics(others, false)
    if (creating.length > 0) await this.#fetchTopics(creating, true)
    this.#growOld(wanted === 'all')
    for (const listener of this.#listeners) listener()
  }

  async #fetchTopics(names: readonly string[], allowAutoTopicCreation: boolean): Promise<void> {
    const connection = await this.any()
    const topics = names.map((name) => ({ name }))
    this.#absorb(await connection.send('metadata', fill('metadata', 'request', { topics, allowAutoTopicCreation })))
  }

  /** The next whole refresh, counted from the last. */
  #growOld(renewed: boolean): void {
    if (this.#closed || (this.#age !== undefined && !renewed)) return
    this.#age?.cancel()
    const refresh = () => {
      this.#age = undefined
      this.refresh().catch((error: unknown) => {
        this.ports.log.warn('metadata could not be refreshed', { error: messageOf(error) })
        this.#growOld(true)
      })
    }
    this.#age = this.ports.clock.after(this.metadataMaxAgeMs, refresh, 'background')
  }

  #absorbBrokers(answer: MetadataResponse): void {
    if (answer.brokers.length > 0) {
      this.#brokers.clear()
      this.#racks.clear()
      for (const broker of answer.brokers) {
        this.#brokers.set(broker.nodeId, broker)
        if (broker.rack !== null) this.#racks.set(broker.nodeId, broker.rack)
      }
    }
    this.#controllerId = answer.controllerId
  }

  #absorb(answer: MetadataResponse): void {
    this.#absorbBrokers(answer)
    for (const row of answer.topics) {
      if (row.name === null) continue
      const error = topicError(row)
      if (error === undefined || error === 'LEADER_NOT_AVAILABLE') {
        const topic = readTopic(row, this.#topics.get(row.name))
        this.#topics.set(row.name, topic)
        this.#names.set(topic.topicId, topic.name)
        this.#errors.delete(row.name)
      } else {
        this.#errors.set(row.name, error)
        if (error === 'UNKNOWN_TOPIC_OR_PARTITION') this.#topics.delete(row.name)
      }
    }
  }
}

/** @throws the error of a response's code, naming the place. */
export function throwIfError(wire: number, place: string, detail?: string): void {
  if (wire === 0) return
  const code = errorCodeOf(wire)
  throw kafkaError(code, place, detail)
}
