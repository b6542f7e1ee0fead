import type { TopicPartition } from '@millrace/kernel'
import { orAborted } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { RebalanceListener } from '../consumer.ts'
import { without } from './assignment.ts'
import type { Joined, Membership } from './membership.ts'
import type { Subscription } from './subscription.ts'

/** What the rebalancer does to the consumer that it belongs to. */
export interface RebalanceEffects {
  owned(): readonly TopicPartition[]
  assign(partitions: readonly TopicPartition[]): void
  /** Before anything is revoked. Never rejects. */
  commit(): Promise<void>
}

/** Does what the group wants of a consumer, hook by hook, inside `poll` and `close`: only there hooks are called. */
export class Rebalancer {
  readonly membership: Membership
  readonly #cluster: Cluster
  readonly #effects: RebalanceEffects
  readonly #cooperative: boolean
  #subscription: Subscription
  #listener: RebalanceListener
  /** A commit before a revocation, and the round that waits for it: a poll given up leaves them to the next. */
  #committing: Promise<void> | undefined
  #interrupted: Joined | undefined

  constructor(
    cluster: Cluster,
    membership: Membership,
    cooperative: boolean,
    effects: RebalanceEffects,
    subscription: Subscription,
    listener: RebalanceListener,
  ) {
    this.#cluster = cluster
    this.membership = membership
    this.#cooperative = cooperative
    this.#effects = effects
    this.#subscription = subscription
    this.#listener = listener
  }

  get subscription(): Subscription {
    return this.#subscription
  }

  subscribe(subscription: Subscription, listener: RebalanceListener): void {
    this.#subscription.close()
    this.#subscription = subscription
    this.#listener = listener
    this.membership.requestRejoin()
  }

  /**
   * Until the member stands still or waits for the group. Returns an error that `poll` is to throw.
   *
   * @throws ABORTED when the signal fires while positions are committed: nothing is revoked yet, and the next call goes on.
   */
  async tend(signal: AbortSignal | undefined): Promise<unknown> {
    let failure: unknown
    for (;;) {
      failure ??= this.membership.takeFailure()
      if (await this.#resume(signal)) continue
      switch (this.membership.standing) {
        case 'joining':
        case 'stable':
          return failure
        case 'lost':
          await this.#lose()
          this.membership.acknowledgeLoss()
          break
        case 'outside':
        case 'rejoin':
          // Told first: a member that was fenced does not take its name back unasked.
          if (failure !== undefined) return failure
          if (this.#subscription.topics === undefined) return undefined // the pattern's topics are on their way
          await this.#prepareJoin(signal)
          break
        case 'joined': {
          const joined = this.membership.takeJoined()
          if (joined === undefined) return failure
          await this.#takeIn(joined, signal)
          break
        }
      }
    }
  }

  /** What a call that was given up had begun. Returns whether there was something. */
  async #resume(signal: AbortSignal | undefined): Promise<boolean> {
    const joined = this.#interrupted
    if (joined === undefined || this.membership.lost) return false
    await this.#takeIn(joined, signal)
    return true
  }

  /**
   * Gives everything up for good. As Java's: lost, where the membership is over already. A signal that fires ends the wait for the
   * commit alone.
   */
  async leave(signal: AbortSignal | undefined): Promise<void> {
    this.#subscription.close()
    if (this.membership.metadata === undefined) {
      await this.#lose()
      return
    }
    const owned = this.#effects.owned()
    if (owned.length === 0) return
    await this.#commit(signal).catch(() => undefined)
    await this.#revokeCommitted(owned)
  }

  /** Eager members give everything up before a round; cooperative ones only what they read no longer. */
  async #prepareJoin(signal: AbortSignal | undefined): Promise<void> {
    const topics = this.#subscription.topics ?? []
    if (this.membership.standing === 'outside') await this.#lose()
    else if (this.#cooperative) {
      const read = new Set(topics)
      await this.#revoke(
        this.#effects.owned().filter(({ topic }) => !read.has(topic)),
        signal,
      )
    } else await this.#revoke(this.#effects.owned(), signal)
    // A hook may take long enough for the session to end.
    if (!this.membership.lost) this.membership.join(topics, this.#effects.owned())
  }

  /** The outcome of a round: first what goes, then what is new. */
  async #takeIn(joined: Joined, signal: AbortSignal | undefined): Promise<void> {
    const { partitions, userData, assignor, generation } = joined
    const { owned, assign } = this.#effects
    this.#cluster.track(partitions.map(({ topic }) => topic))
    const before = owned()
    const revoked = without(before, partitions)
    // Somebody waits for what goes from here: the next round gives it out (KIP-429).
    if (revoked.length > 0) this.membership.requestRejoin()
    this.#interrupted = joined
    if (revoked.length > 0) await this.#commit(signal)
    this.#interrupted = undefined
    await this.#revokeCommitted(revoked)
    if (this.membership.lost) return
    assign(partitions)
    assignor.onAssigned(userData, partitions, generation)
    await this.#listener.onAssigned?.(without(partitions, before))
  }

  /** @throws ABORTED before anything is revoked */
  async #revoke(partitions: readonly TopicPartition[], signal: AbortSignal | undefined): Promise<void> {
    if (partitions.length > 0) await this.#commit(signal)
    await this.#revokeCommitted(partitions)
  }

  /** One commit for a revocation, however often the wait for it is given up: it has a limit of its own. */
  async #commit(signal: AbortSignal | undefined): Promise<void> {
    this.#committing ??= this.#effects.commit()
    await orAborted(this.#committing, signal)
    this.#committing = undefined
  }

  /** Still owned while the hook runs. */
  async #revokeCommitted(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    try {
      await this.#listener.onRevoked?.(partitions)
    } finally {
      this.#effects.assign(without(this.#effects.owned(), partitions))
    }
  }

  async #lose(): Promise<void> {
    const owned = this.#effects.owned()
    this.#committing = undefined
    this.#interrupted = undefined
    if (owned.length === 0) return
    try {
      await this.#listener.onLost?.(owned)
    } finally {
      this.#effects.assign([])
    }
  }
}
