import { errorCodeOf, type KafkaErrorCode, kafkaError, MillraceError, type Ports, remedyFor } from '@millrace/kernel'
import { type Connection, fill, type NodeAddress, type ResponseOf, type Transport } from '@millrace/protocol/internal'
import { Backoff, throwIfAborted } from './backoff.ts'
import { Lane } from './lane.ts'
import { type PartitionMetadata, readTopic, type TopicMetadata, topicError } from './topic-metadata.ts'

type MetadataResponse = ResponseOf<'metadata'>

/**
 * What a client knows of the cluster: brokers, topics, leaders, the controller. Shared by all that one client makes; kept until
 * somebody meets an error whose remedy is to ask again.
 */
export class Cluster {
  readonly ports: Ports
  readonly #transport: Transport
  readonly #control: Lane
  readonly #lanes = new Set<Lane>()
  readonly #brokers = new Map<number, NodeAddress>()
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #errors = new Map<string, KafkaErrorCode>()
  readonly #names = new Map<string, string>()
  /** Topics that somebody reads or writes: each refresh asks for them all. */
  readonly #tracked = new Set<string>()
  readonly #listeners = new Set<() => void>()
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #controllerId = -1
  #refreshedAtMs = 0

  constructor(transport: Transport, ports: Ports) {
    this.ports = ports
    this.#transport = transport
    this.#control = this.lane()
  }

  /** A set of connections of its own. */
  lane(): Lane {
    const lane = new Lane(
      this.#transport,
      (nodeId) => this.#brokers.get(nodeId),
      (closed) => this.#lanes.delete(closed),
    )
    this.#lanes.add(lane)
    return lane
  }

  /** By the monotonic clock. */
  get refreshedAtMs(): number {
    return this.#refreshedAtMs
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

  track(topics: Iterable<string>): void {
    for (const topic of topics) this.#tracked.add(topic)
  }

  /** They were deleted: nobody is to be told of them any more. */
  forgetTopics(topics: Iterable<string>): void {
    for (const topic of topics) {
      this.#tracked.delete(topic)
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
   * Asks a broker anew. Whoever calls while an answer is awaited shares the next one, so the answer is always younger than the call.
   *
   * @throws CONNECTION_REFUSED when no broker answers.
   */
  refresh(topics: Iterable<string> = []): Promise<void> {
    this.track(topics)
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined
        this.#running = this.#fetchTracked()
        return this.#running
      })
    return this.#next
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
        await this.refresh([name])
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
      await clock.sleep(pause, signal)
    }
  }

  /** A connection for control requests to any broker that answers. @throws the last broker's error. */
  async any(): Promise<Connection> {
    const known = [...this.#brokers.values()]
    let failure: unknown = new MillraceError('CONNECTION_REFUSED', 'the transport names no broker to begin with')
    for (const node of [...known, ...this.#transport.bootstrap]) {
      try {
        return await this.#control.toAddress(node)
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'CLOSED') throw error
        failure = error
      }
    }
    throw failure
  }

  /** A connection for control requests to one broker. */
  to(nodeId: number): Promise<Connection> {
    return this.#control.to(nodeId)
  }

  async controller(): Promise<Connection> {
    if (this.#controllerId < 0 || !this.#brokers.has(this.#controllerId)) await this.refresh()
    return this.#controllerId >= 0 && this.#brokers.has(this.#controllerId) ? this.to(this.#controllerId) : this.any()
  }

  /** Which broker coordinates a group. @throws COORDINATOR_NOT_AVAILABLE and the like, to be retried. */
  async groupCoordinator(groupId: string): Promise<number> {
    const connection = await this.any()
    const request = fill('findCoordinator', 'request', { keyType: 0, coordinatorKeys: [groupId] })
    const answer = (await connection.send('findCoordinator', request)).coordinators[0]
    if (answer === undefined) throw kafkaError('COORDINATOR_NOT_AVAILABLE', `group ${groupId}`)
    throwIfError(answer.errorCode, `group ${groupId}`, answer.errorMessage ?? undefined)
    this.learn({ nodeId: answer.nodeId, host: answer.host, port: answer.port })
    return answer.nodeId
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.close()))
  }

  async #fetchTracked(): Promise<void> {
    const topics = [...this.#tracked].map((name) => ({ name }))
    const connection = await this.any()
    const request = fill('metadata', 'request', { topics, allowAutoTopicCreation: false })
    this.absorb(await connection.send('metadata', request))
  }

  /** Takes in a metadata answer. */
  absorb(answer: MetadataResponse): void {
    if (answer.brokers.length > 0) {
      this.#brokers.clear()
      for (const broker of answer.brokers) this.#brokers.set(broker.nodeId, broker)
    }
    this.#controllerId = answer.controllerId
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
    this.#refreshedAtMs = this.ports.clock.monotonicMs()
    for (const listener of this.#listeners) listener()
  }
}

/** @throws the error of a response's code, naming the place. */
export function throwIfError(wire: number, place: string, detail?: string): void {
  if (wire === 0) return
  const code = errorCodeOf(wire)
  throw kafkaError(code, place, detail)
}
