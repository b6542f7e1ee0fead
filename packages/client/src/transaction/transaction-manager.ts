import { codeOf, kafkaError, MillraceError, messageOf, TopicPartitionMap } from '@millrace/kernel'
import { apiOf, type Connection } from '@millrace/protocol/internal'
import { orAborted } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { GroupMetadata } from '../consumer.ts'
import type { ProducerIdentity } from '../producer/partition-queue.ts'
import type { TransactionWait } from '../producer.ts'
import type { OffsetAndMetadata } from '../records.ts'
import { type CallResult, callCoordinator, unlessAborted, type Wait } from './coordinator-call.ts'
import { CoordinatorLink } from './coordinator-link.ts'
import { EnlistedPartitions } from './enlisted-partitions.ts'
import {
  addOffsets,
  addPartitions,
  askIdentity,
  bumpingVersionMin,
  commitOffsetsInside,
  endTransaction,
  firstVersionMax,
  placeOf,
  type Writer,
} from './transaction-requests.ts'
import { adviceIn, nextState, type TransactionEvent, type TransactionState } from './transaction-state.ts'
import { type TransactionCall, type TransactionVerdict, transactionVerdict } from './transaction-verdict.ts'

export interface TransactionSettings {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxBlockMs: number
}

/** What carries the batches, as a transaction moves it. */
export interface TransactionHost {
  /** Sends all there is; resolves once each batch is settled, one way or the other. */
  settleAll(): Promise<void>
  /** Fails all that is not in flight, and what comes back from there to be tried again. Until `resume`. */
  halt(error: Error): void
  /** Resolves once nothing is in flight. */
  quiet(): Promise<void>
  /** Records with sequences were given up: what would follow them is refused as out of order. */
  readonly gap: boolean
  /** From now on batches go under this identity. */
  resume(identity: ProducerIdentity): void
  /** Something that could not be sent may be sendable now. */
  wake(): void
  /** Nothing can be written any more. */
  fatal(error: Error): void
}

/** A record that waits for its topic, or for room, before it is appended to the transaction it was sent in. */
export interface Admission {
  /** @throws ABORTED when that transaction is not open any more */
  assertCurrent(): void
  /** It could not be appended: a transaction without it must not be committed. */
  refused(error: unknown): void
  /** A commit need not wait for it any longer. */
  done(): void
}

/** Whether the coordinator knows of the open transaction. */
type Standing = 'unknown there' | 'perhaps' | 'known there'

const feature = 'transaction.version'

/**
 * The transactions of one producer: asks its coordinator, and tells the host what may be sent. One call of `init`,
 * `commit` or `abort` runs at a time; one that ran out of time is made again and goes on where it stood.
 *
 * Under transaction version 1 partitions and groups are added to a transaction before anything is written to them;
 * under version 2 the write itself adds them, and every end of a transaction raises the epoch, so that nothing late of
 * an earlier one can be taken for the next one's (KIP-890).
 */
export class TransactionManager {
  readonly #cluster: Cluster
  readonly #settings: TransactionSettings
  readonly #host: TransactionHost
  readonly #link: CoordinatorLink
  readonly #groups = new Map<string, CoordinatorLink>()
  #state: TransactionState = 'uninitialized'
  /** Why the state is one of error. */
  #error: Error | undefined
  #identity: ProducerIdentity | undefined
  #version: 1 | 2 = 1
  /** What the coordinator said when it was last connected to. */
  #versionSeen: 1 | 2 = 1
  #canBump = false
  /** The epoch is to be raised before the next transaction (KIP-360). */
  #bump = false
  #standing: Standing = 'unknown there'
  /** The end of the transaction is answered, with this identity for the next; what is left is to raise the epoch. */
  #end: { readonly next: ProducerIdentity | undefined } | undefined
  /** Ends the attempts that belong to the open transaction. */
  #work = new AbortController()
  readonly #closing = new AbortController()
  /** Needed under version 1 only. */
  readonly #enlisted = new EnlistedPartitions()
  /** Requests of the open transaction that are under way, other than its end. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** Records on their way into the open transaction. */
  readonly #admitted = new Set<Promise<void>>()
  #adding = false
  #running: { readonly event: TransactionEvent; readonly promise: Promise<void> } | undefined

  constructor(cluster: Cluster, settings: TransactionSettings, host: TransactionHost) {
    this.#cluster = cluster
    this.#settings = settings
    this.#host = host
    this.#link = new CoordinatorLink(cluster, 'transactional id', settings.transactionalId)
  }

  get version(): 1 | 2 {
    return this.#version
  }

  init(options: TransactionWait | undefined): Promise<void> {
    return this.#exclusive('init', 'initTransactions', options, async (wait) => {
      const result = await this.#call('init', wait, (connection, timeoutMs) => {
        this.#version = this.#versionSeen
        return askIdentity(connection, { ...this.#settings, timeoutMs }, undefined)
      })
      if (result.outcome === 'answered') {
        this.#identity = result.value
        this.#host.resume(result.value)
        this.#to('initialized', wait.what)
        return
      }
      if (result.outcome === 'unfinished' || result.verdict === 'refuse') this.#to('not-initialized', wait.what)
      throw this.#failed(result)
    })
  }

  begin(): void {
    this.#throwIfBroken()
    this.#to('begin', 'beginTransaction')
    this.#work = new AbortController()
    this.#standing = 'unknown there'
    this.#end = undefined
  }

  /** Whether records may be appended now. @throws STATE, TRANSACTION_ABORTABLE, the fatal error */
  assertOpen(): void {
    if (this.#state === 'in-transaction') return
    this.#throwIfBroken()
    throw this.#refusal('records cannot be appended')
  }

  /** For a record that cannot be appended at once. @throws as `assertOpen` */
  admit(): Admission {
    this.assertOpen()
    const { signal } = this.#work
    let done = () => {}
    const settled = new Promise<void>((resolve) => {
      done = resolve
    })
    this.#admitted.add(settled)
    return {
      assertCurrent: () => {
        if (!signal.aborted) return
        this.#throwIfBroken()
        throw this.#aborted()
      },
      refused: (error) => {
        if (signal === this.#work.signal) this.#abortable(error instanceof Error ? error : new Error(messageOf(error)))
      },
      done: () => {
        this.#admitted.delete(settled)
        done()
      },
    }
  }

  /** Records are appended to a partition. Called once a batch. */
  enlist(topic: string, partition: number): void {
    if (this.#version === 2) {
      this.#standing = 'known there'
      return
    }
    if (!this.#enlisted.enlist(topic, partition) || this.#adding) return
    this.#adding = true
    this.#track(this.#addFresh())
  }

  /** Whether a batch may go to a partition: under version 1 not before the coordinator has it in the transaction. */
  maySend(topic: string, partition: number): boolean {
    return this.#version === 2 || this.#enlisted.isAdded(topic, partition)
  }

  /** The sender has given up on a batch. */
  batchFailed(error: Error): void {
    if (this.#state !== 'in-transaction' && this.#state !== 'committing') {
      // Given up while the transaction is being aborted: the gap is the host's to tell.
      if (transactionVerdict(error, 'produce') === 'fatal') this.fatal(error)
      return
    }
    this.#refused('produce', transactionVerdict(error, 'produce'), error)
  }

  async sendOffsets(
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    group: GroupMetadata,
    options: TransactionWait | undefined,
  ): Promise<void> {
    this.#throwIfBroken()
    if (this.#state !== 'in-transaction') throw this.#refusal('sendOffsets is not possible')
    if (offsets.size === 0) return
    const remaining = new TopicPartitionMap<OffsetAndMetadata>()
    for (const [{ topic, partition }, position] of offsets) remaining.set(topic, partition, position)
    const wait = { ...this.#wait('sendOffsets', options), stop: this.#work.signal }
    await this.#track(this.#sendOffsets(remaining, group, wait))
  }

  commit(options: TransactionWait | undefined): Promise<void> {
    return this.#exclusive('commit', 'commitTransaction', options, async (wait) => {
      await unlessAborted(Promise.all([...this.#admitted]), wait)
      await unlessAborted(this.#host.settleAll(), wait)
      await unlessAborted(this.#idle(), wait)
      this.#throwIfBroken()
      await this.#endWith('commit', this.#wait(wait.what, options))
    })
  }

  abort(options: TransactionWait | undefined): Promise<void> {
    return this.#exclusive('abort', 'abortTransaction', options, async (wait) => {
      this.#work.abort()
      this.#host.halt(this.#aborted())
      await unlessAborted(this.#host.quiet(), wait)
      await unlessAborted(this.#idle(), wait)
      this.#throwIfBroken()
      await this.#endWith('abort', this.#wait(wait.what, options))
    })
  }

  /** Aborts what is open, as Java's producer does: it would hold up readers until its time is over. */
  async close(signal: AbortSignal): Promise<void> {
    this.#closing.abort()
    await orAborted(this.#running?.promise ?? Promise.resolve(), signal).catch(() => undefined)
    try {
      if (nextState(this.#state, 'abort') !== undefined) await this.abort({ signal })
    } catch (error) {
      const { log } = this.#cluster.ports
      log.warn('a transaction was left to its timeout', { place: this.#place, reason: messageOf(error) })
    }
    this.#work.abort()
    await Promise.all([this.#link, ...this.#groups.values()].map((link) => link.close()))
  }

  /** Ends it all. Called by the host too, which is told once. */
  fatal(error: Error): void {
    if (this.#state === 'fatal-error') return
    this.#error = error
    this.#to('fatal', 'fatal error')
    this.#work.abort()
    this.#host.fatal(error)
  }

  get #place(): string {
    return placeOf(this.#settings.transactionalId)
  }

  get #writer(): Writer {
    const identity = this.#identity
    if (identity === undefined) throw this.#refusal('there is no producer id')
    return { transactionalId: this.#settings.transactionalId, identity }
  }

  /** One call at a time; a second of the same kind shares the first one's end. */
  #exclusive(
    event: 'init' | 'commit' | 'abort',
    what: string,
    options: TransactionWait | undefined,
    run: (wait: Wait) => Promise<void>,
  ): Promise<void> {
    if (this.#running?.event === event) return this.#running.promise
    try {
      if (event !== 'abort' || this.#state !== 'abortable-error') this.#throwIfBroken()
      if (this.#running !== undefined) throw this.#refusal(`${what} is not possible`)
      this.#to(event, what)
    } catch (error) {
      return Promise.reject(error)
    }
    const promise = run(this.#wait(what, options)).finally(() => {
      this.#running = undefined
    })
    this.#running = { event, promise }
    return promise
  }

  #wait(what: string, options: TransactionWait | undefined): Wait {
    const untilMs = this.#cluster.ports.clock.monotonicMs() + this.#settings.maxBlockMs
    return {
      what,
      untilMs,
      signal: options?.signal,
      stop: this.#state === 'initializing' ? this.#closing.signal : undefined,
    }
  }

  /** Asks the coordinator of the transactional id. */
  #call<T>(
    call: TransactionCall,
    wait: Wait,
    request: (connection: Connection, timeoutMs: number) => Promise<T>,
  ): Promise<CallResult<T>> {
    return callCoordinator(this.#cluster.ports, this.#link, call, wait, (connection, leftMs) => {
      this.#versionSeen = (connection.features.get(feature) ?? 0) >= 2 ? 2 : 1
      this.#canBump = (connection.apiVersions.get(apiOf('initProducerId').key)?.max ?? 0) >= bumpingVersionMin
      return request(connection, Math.min(leftMs, this.#settings.requestTimeoutMs))
    })
  }

  /** Takes what was enlisted meanwhile along in one request, until there is nothing more. */
  async #addFresh(): Promise<void> {
    await Promise.resolve() // what is appended in the same turn goes along
    const wait: Wait = { what: 'adding partitions', untilMs: Infinity, signal: undefined, stop: this.#work.signal }
    for (;;) {
      const partitions = this.#enlisted.takeFresh()
      if (partitions.length === 0 || wait.stop?.aborted) break
      const result = await this.#call('add-partitions', wait, (connection, timeoutMs) => {
        if (this.#standing === 'unknown there') this.#standing = 'perhaps'
        return addPartitions(connection, this.#writer, partitions, timeoutMs)
      })
      if (result.outcome !== 'answered') {
        this.#failed(result, 'add-partitions')
        break
      }
      this.#standing = 'known there'
      this.#enlisted.added(partitions)
      this.#host.wake()
    }
    this.#adding = false
  }

  async #sendOffsets(remaining: TopicPartitionMap<OffsetAndMetadata>, group: GroupMetadata, wait: Wait): Promise<void> {
    if (this.#version === 1) {
      const added = await this.#call('add-offsets', wait, (connection, timeoutMs) => {
        if (this.#standing === 'unknown there') this.#standing = 'perhaps'
        return addOffsets(connection, this.#writer, group.groupId, timeoutMs)
      })
      if (added.outcome !== 'answered') throw this.#failed(added, 'add-offsets')
    }
    this.#standing = 'known there'
    const versionMax = this.#version === 1 ? firstVersionMax.txnOffsetCommit : undefined
    const link = this.#groupLink(group.groupId)
    const result = await callCoordinator(this.#cluster.ports, link, 'commit-offsets', wait, (connection, leftMs) => {
      const timeoutMs = Math.min(leftMs, this.#settings.requestTimeoutMs)
      return commitOffsetsInside(connection, this.#writer, group, remaining, { timeoutMs, versionMax })
    })
    if (result.outcome !== 'answered') throw this.#failed(result, 'commit-offsets')
  }

  #groupLink(groupId: string): CoordinatorLink {
    let link = this.#groups.get(groupId)
    if (link === undefined) {
      link = new CoordinatorLink(this.#cluster, 'group', groupId)
      this.#groups.set(groupId, link)
    }
    return link
  }

  async #endWith(call: 'commit' | 'abort', wait: Wait): Promise<void> {
    if (this.#version === 1 && this.#host.gap) this.#requireBump()
    this.#throwIfBroken()
    const end = this.#end ?? (await this.#askEnd(call, wait))
    this.#end = end
    // The features may have risen since: the next transaction begins under the new rules, with an epoch of its own.
    if (this.#version === 1 && this.#versionSeen === 2) this.#bump = true
    const next = this.#bump ? await this.#raiseEpoch(wait) : (end.next ?? this.#writer.identity)
    this.#identity = next
    this.#version = this.#versionSeen
    this.#bump = false
    this.#error = undefined
    this.#enlisted.clear()
    this.#host.resume(next)
    this.#to('ended', wait.what)
  }

  async #askEnd(call: 'commit' | 'abort', wait: Wait): Promise<{ readonly next: ProducerIdentity | undefined }> {
    if (this.#standing === 'unknown there') return { next: undefined }
    const versionMax = this.#version === 1 ? firstVersionMax.endTxn : undefined
    const result = await this.#call(call, wait, (connection, timeoutMs) =>
      endTransaction(connection, this.#writer, call === 'commit', { timeoutMs, versionMax }),
    )
    if (result.outcome === 'answered') return { next: result.value }
    // The request that would have begun it may have been lost: then there is nothing to abort.
    const nothing = this.#standing === 'perhaps' && call === 'abort' && codeOf(errorOf(result)) === 'INVALID_TXN_STATE'
    if (!nothing) throw this.#failed(result, call)
    this.#requireBump()
    return { next: undefined }
  }

  async #raiseEpoch(wait: Wait): Promise<ProducerIdentity> {
    const result = await this.#call('bump-epoch', wait, (connection, timeoutMs) =>
      askIdentity(connection, { ...this.#settings, timeoutMs }, this.#writer.identity),
    )
    if (result.outcome === 'answered') return result.value
    throw this.#failed(result, 'bump-epoch')
  }

  /** What the caller is to be told of a call without an answer, after it has had its effect on the state. */
  #failed(result: Exclude<CallResult<unknown>, { outcome: 'answered' }>, call: TransactionCall = 'init'): Error {
    if (result.outcome === 'refused') return this.#refused(call, result.verdict, result.error)
    if (this.#state === 'abortable-error' || this.#state === 'fatal-error') return this.#brokenError()
    // What was asked inside a transaction may have been done or not: it can only be aborted.
    if (call === 'add-offsets' || call === 'commit-offsets') this.#abortable(result.error)
    return result.error
  }

  #refused(call: TransactionCall, verdict: TransactionVerdict, error: Error): Error {
    switch (verdict) {
      case 'fenced': {
        const fenced = kafkaError('PRODUCER_FENCED', this.#place, undefined, error)
        this.fatal(fenced)
        return fenced
      }
      case 'fatal':
        this.fatal(error)
        return error
      case 'abortable':
      case 'abortable-bump':
        if (verdict === 'abortable-bump' && this.#version === 1) this.#requireBump()
        this.#abortable(error)
        return call === 'commit' ? this.#brokenError() : error
      default:
        return error
    }
  }

  /** The epoch must rise before anything else is written. Before Kafka 2.5 a producer cannot go on from there. */
  #requireBump(): void {
    this.#bump = true
    if (this.#canBump) return
    this.fatal(kafkaError('UNSUPPORTED_VERSION', this.#place, 'Only a newer broker lets a producer go on after this.'))
  }

  #abortable(error: Error): void {
    if (nextState(this.#state, 'abortable') === undefined) return
    this.#to('abortable', 'a failure')
    if (this.#state !== 'abortable-error') return
    this.#error ??= error
    this.#cluster.ports.log.debug('the transaction can only be aborted', {
      place: this.#place,
      reason: messageOf(error),
    })
    this.#work.abort()
    this.#host.halt(this.#brokenError())
    this.#host.wake()
  }

  #throwIfBroken(): void {
    if (this.#state === 'fatal-error' || this.#state === 'abortable-error') throw this.#brokenError()
  }

  #brokenError(): Error {
    if (this.#state === 'fatal-error' && this.#error !== undefined) return this.#error
    const why = messageOf(this.#error)
    return new MillraceError('TRANSACTION_ABORTABLE', `the transaction can only be aborted: ${why}`, {
      place: this.#place,
      fix: adviceIn('abortable-error'),
      cause: this.#error,
    })
  }

  #aborted(): MillraceError {
    return new MillraceError('ABORTED', 'the transaction was aborted', { place: this.#place })
  }

  #to(event: TransactionEvent, what: string): void {
    const next = nextState(this.#state, event)
    if (next === undefined) throw this.#refusal(`${what} is not possible`)
    this.#state = next
  }

  #refusal(problem: string): MillraceError {
    return new MillraceError('STATE', problem, { place: this.#place, value: this.#state, fix: adviceIn(this.#state) })
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#underWay.add(promise)
    const done = () => this.#underWay.delete(promise)
    promise.then(done, done)
    return promise
  }

  async #idle(): Promise<void> {
    await Promise.allSettled([...this.#underWay])
  }
}

function errorOf(result: CallResult<unknown>): unknown {
  return result.outcome === 'answered' ? undefined : result.error
}
