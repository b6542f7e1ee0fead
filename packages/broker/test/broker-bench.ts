import { Buffer } from 'node:buffer'
import { type ByteWritable, silentLog } from '@millrace/kernel'
import { nodeNet } from '@millrace/kernel/node'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { type LogDirectory, openLogDirectory } from '@millrace/log/internal'
import {
  type AnswerMemory,
  type ApiName,
  apiOf,
  fill,
  type Partially,
  type RequestContext,
  type RequestOf,
  type ResponseOf,
} from '@millrace/protocol/internal'
import { BatchBuilder, BatchCursor, type BatchIdentity, type CodecName, openBatches } from '@millrace/record/internal'
import { type Broker, createBroker } from '../src/broker.ts'
import type { GivenSettings } from '../src/settings.ts'

const text: ByteWritable<string> = { write: (value, out) => void out.utf8(value) }
const startMs = Date.UTC(2026, 0, 1)

/** A broker on a simulated disk and clock; killed, robbed of its power and started again as a test likes. */
export class BrokerBench {
  readonly clock: SimClock
  readonly metrics: ReturnType<typeof memoryMetrics>
  readonly disk: SimDisk
  readonly directory: LogDirectory
  readonly broker: Broker
  /** Whoever asks from the same process is asked for no rights. */
  isInProcess = false
  readonly #settings: GivenSettings
  readonly #gone = new AbortController()

  private constructor(
    parts: {
      readonly clock: SimClock
      readonly disk: SimDisk
      readonly directory: LogDirectory
      readonly broker: Broker
      readonly metrics: ReturnType<typeof memoryMetrics>
    },
    settings: GivenSettings,
  ) {
    this.clock = parts.clock
    this.disk = parts.disk
    this.directory = parts.directory
    this.broker = parts.broker
    this.metrics = parts.metrics
    this.#settings = settings
  }

  static async start(
    settings: GivenSettings = {},
    disk = new SimDisk(),
    clock = new SimClock(startMs),
  ): Promise<BrokerBench> {
    const random = new SimRandom(disk.syncs + 1)
    const metrics = memoryMetrics()
    const ports = { clock, disk, net: nodeNet(), random, metrics, log: silentLog }
    const directory = await openLogDirectory('/data', ports)
    const broker = await createBroker({ directory, ports, settings })
    return new BrokerBench({ clock, disk, directory, broker, metrics }, settings)
  }

  /** A clean stop and a start. */
  async restart(): Promise<BrokerBench> {
    await this.broker.close()
    await this.directory.close()
    return BrokerBench.start(this.#settings, this.disk, this.clock)
  }

  /** The power goes, and comes again. */
  powerCut(seed: number): Promise<BrokerBench> {
    return BrokerBench.start(this.#settings, this.disk.crash(seed), this.clock)
  }

  /** The connection of all requests is gone. */
  disconnect(): void {
    this.#gone.abort()
  }

  send<A extends ApiName>(
    api: A,
    request: Partially<RequestOf<A>>,
    apiVersion = apiOf(api).versions.max,
    memory?: AnswerMemory,
  ): Promise<ResponseOf<A>> {
    const context: RequestContext = {
      clientId: 'bench',
      clientHost: '127.0.0.1',
      principal: 'User:ANONYMOUS',
      apiVersion,
      closed: this.#gone.signal,
      listener: 'BENCH',
      memory,
      ...(this.isInProcess && { isInProcess: true }),
    }
    return this.broker.handler.handle(context, api, fill(api, 'request', request))
  }

  async createTopic(name: string, partitions = 1, configs: Record<string, string> = {}): Promise<string> {
    const { topics } = await this.send('createTopics', {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
        },
      ],
    })
    if (topics[0]?.errorCode !== 0) throw new Error(`${name}: ${topics[0]?.errorMessage}`)
    return topics[0].topicId
  }

  async produce(name: string, records: Buffer, options: { acks?: number; index?: number; version?: number } = {}) {
    const { acks = -1, index = 0, version = 12 } = options
    const request = { acks, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index, records }] }] }
    const { responses } = await this.send('produce', request, version)
    const answer = responses[0]?.partitionResponses[0]
    if (answer === undefined) throw new Error('no answer')
    return answer
  }

  fetch(
    name: string,
    fetchOffset: number,
    rest: Partially<RequestOf<'fetch'>> = {},
    partition = 0,
    memory?: AnswerMemory,
  ) {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }]
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, topics: [{ topic: name, partitions }], ...rest }
    return this.send('fetch', request, 12, memory)
  }

  commit(groupId: string, topic: string, offset: number, claim: { generation?: number; memberId?: string } = {}) {
    const { generation = -1, memberId = '' } = claim
    return this.send(
      'offsetCommit',
      {
        groupId,
        memberId,
        generationIdOrMemberEpoch: generation,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm' }] }],
      },
      9,
    ).then(({ topics }) => topics[0]?.partitions[0]?.errorCode)
  }

  async committed(groupId: string, topic: string): Promise<number | undefined> {
    const asked = { groupId, topics: [{ name: topic, partitionIndexes: [0] }] }
    const { groups } = await this.send('offsetFetch', { groups: [asked] }, 9)
    return groups[0]?.topics[0]?.partitions[0]?.committedOffset
  }

  /** A consumer that is alone in its group, with its assignment. */
  async member(groupId: string, sessionTimeoutMs = 10_000): Promise<{ memberId: string; generation: number }> {
    const profile = { groupId, sessionTimeoutMs, rebalanceTimeoutMs: 60_000, protocolType: 'consumer' }
    const protocols = [{ name: 'range', metadata: Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0xff, 0xff, 0xff, 0xff]) }]
    const { memberId } = await this.send('joinGroup', { ...profile, protocols })
    const joined = await this.send('joinGroup', { ...profile, protocols, memberId })
    const assignments = [{ memberId, assignment: Buffer.from('mine') }]
    const taken = { generationId: joined.generationId, protocolType: 'consumer', protocolName: 'range' }
    await this.send('syncGroup', { groupId, memberId, ...taken, assignments })
    return { memberId, generation: joined.generationId }
  }
}

export function batchOf(
  values: readonly string[],
  options: BatchIdentity & { codec?: CodecName; key?: string | null; atMs?: number } = {},
): Buffer {
  const builder = new BatchBuilder({ codec: options.codec })
  for (const value of values) builder.append(options.atMs ?? startMs, options.key ?? null, text, value, text, null)
  return builder.build(options)
}

export function valuesOf(records: Buffer | null | undefined): string[] {
  const values: string[] = []
  const cursor = new BatchCursor()
  for (const batch of openBatches(records ?? Buffer.alloc(0), { source: 'test', position: 0 })) {
    cursor.open(batch)
    while (cursor.next()) values.push(cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo))
  }
  return values
}

export function recordsOf(response: ResponseOf<'fetch'>, at = 0) {
  const partition = response.responses[at]?.partitions[0]
  if (partition === undefined) throw new Error('no partition was answered')
  return partition
}
