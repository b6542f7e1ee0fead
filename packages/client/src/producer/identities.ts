import { assert, remedyFor } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import { freshIdentity } from './fresh-identity.ts'
import type { PartitionQueue, ProducerIdentity } from './partition-queue.ts'
import type { ProducerSettings } from './producer-settings.ts'

export interface IdentityEvents {
  /** Something that could not be sent may be sendable now. */
  wake(): void
  /** There will never be an identity. */
  fatal(error: Error): void
}

/**
 * Under which producer id each partition is written.
 *
 * Brokers count a producer's sequences partition by partition. So where sequences of one partition are given up, or its broker has lost
 * count of them, that partition alone becomes somebody else, once nothing that was sent to it is in doubt; all others go on, as with
 * Java's producer, which raises the epoch of that partition instead (KIP-360). An identity that is newer than the one a partition had is
 * taken without asking: none is used twice in the same partition.
 *
 * A transactional producer has one identity for all, which comes by `set`.
 */
export class Identities {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #transactional: boolean
  readonly #events: IdentityEvents
  /** The newest. */
  #latest: ProducerIdentity | undefined
  /** Partitions that must not go on under the identity they have. */
  readonly #broken = new Set<PartitionQueue>()
  #asking = false

  constructor(cluster: Cluster, settings: ProducerSettings, transactional: boolean, events: IdentityEvents) {
    this.#cluster = cluster
    this.#settings = settings
    this.#transactional = transactional
    this.#events = events
  }

  /** The identity of all partitions from now on, in transactions. */
  set(identity: ProducerIdentity): void {
    this.#latest = identity
  }

  /** What was last sealed or sent to a partition went under; its sequences are counted under it. */
  of(queue: PartitionQueue): ProducerIdentity | undefined {
    return this.#transactional ? this.#latest : queue.identity
  }

  /** What a batch that is sealed now is stamped with; undefined: it is stamped when there is one. */
  next(queue: PartitionQueue): ProducerIdentity | undefined {
    if (this.#transactional) return this.#latest
    if (queue.identity === undefined && this.#latest !== undefined) queue.adopt(this.#latest)
    return this.#broken.has(queue) ? undefined : queue.identity
  }

  /** Nothing may be sent to the partition but what is in doubt there. */
  isAwaited(queue: PartitionQueue): boolean {
    return this.#settings.idempotent && this.next(queue) === undefined
  }

  /** Sequences of a partition are given up, or its broker does not know them. */
  broken(queue: PartitionQueue): void {
    assert(!this.#transactional, 'a transaction keeps its producer id')
    this.#broken.add(queue)
  }

  /** Gives one to those that wait, as soon as nothing of theirs is in doubt; asks for one where there is none. */
  renew(listed: ReadonlySet<PartitionQueue>): void {
    if (this.#transactional || !this.#settings.idempotent) return
    let isWanted = this.#latest === undefined && listed.size > 0
    for (const queue of this.#broken) {
      if (queue.inDoubt) continue
      if (this.#latest !== undefined && queue.identity !== this.#latest) {
        this.#broken.delete(queue)
        queue.adopt(this.#latest)
      } else if (queue.listed) isWanted = true
    }
    if (isWanted && !this.#asking) this.#ask()
  }

  #ask(): void {
    this.#asking = true
    freshIdentity(this.#cluster, this.#settings).then(
      (identity) => {
        this.#asking = false
        this.#latest = identity
        this.#events.wake()
      },
      (error: unknown) => {
        this.#asking = false
        const remedy = remedyFor(error)
        if (remedy === 'retry' || remedy === 'refresh-metadata') this.#events.wake()
        else this.#events.fatal(error instanceof Error ? error : new Error(String(error)))
      },
    )
  }
}
