import { errorTable, type KafkaErrorCode, MillraceError, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { memoryMetrics, SimClock, SimRandom } from '@millrace/kernel/sim'
import {
  type ApiName,
  apis,
  type Connection,
  fill,
  type NodeAddress,
  type RequestOf,
  type ResponseOf,
  type SendOptions,
  type Transport,
} from '@millrace/protocol/internal'
import { baseSequence, isTransactional, openBatches, producerEpoch } from '@millrace/record/internal'
import { type Client, createClient } from '../../src/index.ts'

/** What becomes of one request in place of success. */
export type Fate =
  /** Answered with it. */
  | KafkaErrorCode
  /** Carried out, and the answer is lost. */
  | 'lost'
  /** Never answered: the time limit of the request ends it. */
  | 'silent'
  /** Answered when `answer()` is called. */
  | 'held'

export interface Asked {
  readonly api: ApiName
  readonly node: number
  readonly versionMax: number | undefined
  readonly request: unknown
  readonly atMs: number
  /** It in a word, as it was then: batches are stamped in place. */
  readonly word: string
}

/** Two brokers that do what a script says, on time that stands still: what a producer asks, in which order. */
export class ScriptedCluster {
  readonly clock = new SimClock()
  readonly metrics = memoryMetrics()
  readonly asked: Asked[] = []
  readonly #fates = new Map<ApiName, Fate[]>()
  readonly #fatesOf = new Map<number, (KafkaErrorCode | 'ok')[]>()
  #held: { readonly api: ApiName; readonly release: () => void }[] = []
  readonly #connections = new Set<() => void>()
  readonly #clients: Client[] = []
  /** Finalised; connections see what it was when they were made. */
  transactionVersion = 2
  coordinator = 1
  initProducerIdMax: number = apis.initProducerId.versions.max
  /** Of every partition, as metadata tells it. */
  leaderEpoch = 0
  /** What is answered, now or later, that the script itself has no answer to. */
  readonly answers = new Map<ApiName, (request: unknown) => unknown>()
  #connecting: Promise<void> | undefined
  #producerEpoch = -1

  /** The next requests of an API meet these, those after them succeed. */
  fate(api: ApiName, ...fates: readonly Fate[]): void {
    this.#fates.set(api, [...(this.#fates.get(api) ?? []), ...fates])
  }

  /** Of one partition in a produce request that is answered. */
  fateOf(partition: number, ...fates: readonly (KafkaErrorCode | 'ok')[]): void {
    this.#fatesOf.set(partition, [...(this.#fatesOf.get(partition) ?? []), ...fates])
  }

  /** Answers what was held, of one API or of all. */
  answer(api?: ApiName): void {
    const answered = this.#held.filter((held) => api === undefined || held.api === api)
    this.#held = this.#held.filter((held) => !answered.includes(held))
    for (const { release } of answered) release()
  }

  /** The next connection is made when `release` is called. */
  holdConnection(): { readonly isWanted: () => boolean; readonly release: () => void } {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#connecting = held
    return { isWanted: () => this.#connecting !== held, release }
  }

  /** Ends all connections: new ones see the features of now. */
  disconnect(): void {
    for (const end of [...this.#connections]) end()
  }

  /** Runs time until a promise is settled. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    promise.then(over, over)
    for (let i = 0; !isOver && i < 30_000; i++) await this.clock.advance(1)
    return promise
  }

  /** Runs time until an API has been asked, or something else has come about. */
  async until(what: ApiName | (() => boolean)): Promise<void> {
    const isSo = typeof what === 'function' ? what : () => this.asked.some(({ api }) => api === what)
    for (let i = 0; i < 1_000; i++) {
      if (isSo()) return
      await this.clock.advance(1)
    }
    throw new Error(`${what} did not come about`)
  }

  /** What was asked since the last call, without lookups: `api` and a word of the request that matters. */
  story(): string[] {
    const told = this.asked.splice(0)
    return told.filter(({ api }) => api !== 'metadata' && api !== 'findCoordinator').map(({ word }) => word)
  }

  client(): Client {
    const transport: Transport = {
      bootstrap: [this.#address(1)],
      connect: async (node) => {
        const held = this.#connecting
        this.#connecting = undefined
        await held
        return this.#connect(node.nodeId)
      },
    }
    const ports = nodePorts({ clock: this.clock, random: new SimRandom(1), metrics: this.metrics, log: silentLog })
    const client = createClient({ transport, ports })
    this.#clients.push(client)
    return client
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await this.settled(client.close().catch(() => undefined))
  }

  #address(nodeId: number): NodeAddress {
    return { nodeId, host: `broker-${nodeId}`, port: 9092 }
  }

  #connect(nodeId: number): Connection {
    let end = () => {}
    const closed = new Promise<undefined>((resolve) => {
      end = () => {
        this.#connections.delete(end)
        resolve(undefined)
      }
    })
    this.#connections.add(end)
    const versions = Object.entries(apis).map(([name, { key, versions: range }]) => {
      const max = name === 'initProducerId' ? this.initProducerIdMax : range.max
      return [key, { min: range.min, max }] as const
    })
    return {
      node: this.#address(nodeId),
      apiVersions: new Map(versions),
      features: new Map([['transaction.version', this.transactionVersion]]),
      principal: 'User:ANONYMOUS',
      closed,
      send: (api, request, options) => this.#send(nodeId, api, request, options),
      close: async () => end(),
    }
  }

  async #send<A extends ApiName>(
    node: number,
    api: A,
    request: RequestOf<A>,
    options: SendOptions = {},
  ): Promise<ResponseOf<A>> {
    const { versionMax } = options
    const atMs = this.clock.monotonicMs()
    this.asked.push({ api, node, versionMax, request, atMs, word: wordOf(api, request, versionMax) })
    const fate = this.#fates.get(api)?.shift()
    if (fate === 'silent') {
      await this.clock.sleep(options.timeoutMs ?? 30_000)
      throw new MillraceError('REQUEST_TIMED_OUT', 'silence')
    }
    if (fate === 'held') await new Promise<void>((release) => this.#held.push({ api, release }))
    else await this.clock.turn()
    if (fate === 'lost') throw new MillraceError('CONNECTION_LOST', 'lost by the script')
    const code = fate === undefined || fate === 'held' ? 0 : errorTable[fate].wire
    return this.#answerTo(api, request, code, options) as ResponseOf<A> // each case answers its own API
  }

  #answerTo(api: ApiName, request: unknown, errorCode: number, options: SendOptions): unknown {
    switch (api) {
      case 'metadata': {
        const { leaderEpoch } = this
        const partitions = [0, 1, 2].map((partitionIndex) => ({ partitionIndex, leaderId: 1, leaderEpoch }))
        const topics = (request as RequestOf<'metadata'>).topics ?? []
        const brokers = [1, 2].map((nodeId) => this.#address(nodeId))
        const known = topics.map(({ name }) =>
          name === 'missing' ? { name, errorCode: errorTable.INVALID_TOPIC_EXCEPTION.wire } : { name, partitions },
        )
        return fill('metadata', 'response', { brokers, controllerId: 1, topics: known })
      }
      case 'findCoordinator': {
        const isGroup = (request as RequestOf<'findCoordinator'>).keyType === 0
        const address = this.#address(isGroup ? 2 : this.coordinator)
        return fill('findCoordinator', 'response', { coordinators: [{ ...address, errorCode }] })
      }
      case 'initProducerId':
        if (errorCode === 0) this.#producerEpoch++
        return fill('initProducerId', 'response', { errorCode, producerId: 7, producerEpoch: this.#producerEpoch })
      case 'addPartitionsToTxn': {
        const topics = (request as RequestOf<'addPartitionsToTxn'>).transactions[0]!.topics
        const topicResults = topics.map(({ name, partitions }) => ({
          name,
          resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errorCode })),
        }))
        return fill('addPartitionsToTxn', 'response', { resultsByTransaction: [{ topicResults }] })
      }
      case 'addOffsetsToTxn':
        return fill('addOffsetsToTxn', 'response', { errorCode })
      case 'txnOffsetCommit': {
        // Only the first partition meets the fate.
        const { topics } = request as RequestOf<'txnOffsetCommit'>
        const rows = topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }, i) => ({
            partitionIndex,
            errorCode: i === 0 ? errorCode : 0,
          })),
        }))
        return fill('txnOffsetCommit', 'response', { topics: rows })
      }
      case 'offsetCommit': {
        const topics = (request as RequestOf<'offsetCommit'>).topics.map(({ name, topicId, partitions }) => ({
          name,
          topicId,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
        }))
        return fill('offsetCommit', 'response', { topics })
      }
      case 'endTxn': {
        if (errorCode !== 0 || options.versionMax !== undefined) return fill('endTxn', 'response', { errorCode })
        this.#producerEpoch++
        return fill('endTxn', 'response', { producerId: 7, producerEpoch: this.#producerEpoch })
      }
      case 'produce': {
        const responses = (request as RequestOf<'produce'>).topicData.map(({ name, topicId, partitionData }) => ({
          name,
          topicId,
          partitionResponses: partitionData.map(({ index }) => {
            const own = this.#fatesOf.get(index)?.shift() ?? 'ok'
            return { index, errorCode: own === 'ok' ? errorCode : errorTable[own].wire, baseOffset: 0 }
          }),
        }))
        return fill('produce', 'response', { responses })
      }
      default: {
        const answer = this.answers.get(api)
        if (answer === undefined) throw new Error(`the script has no ${api}`)
        return answer(request)
      }
    }
  }
}

/** One request in a word. */
function wordOf(api: ApiName, request: unknown, versionMax: number | undefined): string {
  const cap = versionMax === undefined ? '' : ` v${versionMax}`
  switch (api) {
    case 'initProducerId': {
      const { producerId, producerEpoch: epoch } = request as RequestOf<'initProducerId'>
      return producerId < 0 ? 'init' : `init ${producerId}/${epoch}`
    }
    case 'endTxn': {
      const { committed, producerEpoch: epoch } = request as RequestOf<'endTxn'>
      return `${committed ? 'commit' : 'abort'} ${epoch}${cap}`
    }
    case 'addPartitionsToTxn': {
      const { topics } = (request as RequestOf<'addPartitionsToTxn'>).transactions[0]!
      return `add ${topics.flatMap(({ partitions }) => partitions).join(',')}${cap}`
    }
    case 'txnOffsetCommit': {
      const { topics } = request as RequestOf<'txnOffsetCommit'>
      const rows = topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex))
      return `offsets ${rows.join(',')}${cap}`
    }
    case 'produce': {
      const batches = (request as RequestOf<'produce'>).topicData.flatMap(({ partitionData }) =>
        partitionData.map(({ index, records }) => {
          const batch = openBatches(records!, { source: 'script', position: 0 })[0]!
          const kind = isTransactional(batch) ? '' : ' plain'
          return `${index}:${producerEpoch(batch)}/${baseSequence(batch)}${kind}`
        }),
      )
      return `produce ${batches.join(' ')}${cap}`
    }
    default:
      return `${api}${cap}`
  }
}
