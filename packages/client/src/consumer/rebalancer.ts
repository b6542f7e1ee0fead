import type { TopicPartition } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import type { RebalanceListener } from '../consumer.ts'
import { without } from './assignment.ts'
import type { Joined, Membership } from './membership.ts'
import type { Subscription } from './subscription.ts'

/** What the rebalancer does to the consumer that it belongs to. */
export interface RebalanceEffects {
  owned(): readonly TopicPartition[]
  assign(partitions: readonly TopicPartition[]): void
  /** Before anything is revoked. */
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

  /** Until the member stands still or waits for the group. Returns an error that `poll` is to throw. */
  async tend(): Promise<unknown> {
    let failure: unknown
    for (;;) {
      failure ??= this.membership.takeFailure()
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
          await this.#prepareJoin()
          break
        case 'joined': {
          const joined = this.membership.takeJoined()
          if (joined === undefined) return failure
          await this.#takeIn(joined)
          break
        }
      }
    }
  }

  /** Gives everything up for good. As Java's: lost, where the membership is over already. */
  async leave(): Promise<void> {
    this.#subscription.close()
    if (this.membership.metadata === undefined) await this.#lose()
    else await this.#revoke(this.#effects.owned())
  }

  /** Eager members give everything up before a round; cooperative ones only what they read no longer. */
  async #prepareJoin(): Promise<void> {
    const topics = this.#subscription.topics ?? []
    if (this.membership.standing === 'outside') await this.#lose()
    else if (this.#cooperative) {
      const read = new Set(topics)
      await this.#revoke(this.#effects.owned().filter(({ topic }) => !read.has(topic)))
    } else await this.#revoke(this.#effects.owned())
    // A hook may take long enough for the session to end.
    if (!this.membership.lost) this.membership.join(topics, this.#effects.owned())
  }

  /** The outcome of a round: first what goes, then what is new. */
  async #takeIn({ partitions, userData, assignor, generation }: Joined): Promise<void> {
    const { owned, assign } = this.#effects
    this.#cluster.track(partitions.map(({ topic }) => topic))
    const before = owned()
    const revoked = without(before, partitions)
    // Somebody waits for what goes from here: the next round gives it out (KIP-429).
    if (revoked.length > 0) this.membership.requestRejoin()
    await this.#revoke(revoked)
    if (this.membership.lost) return
    assign(partitions)
    assignor.onAssigned(userData, partitions, generation)
    await this.#listener.onAssigned?.(without(partitions, before))
  }

  /** Still owned while the hook runs. */
  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    try {
      await this.#effects.commit()
      await this.#listener.onRevoked?.(partitions)
    } finally {
      this.#effects.assign(without(this.#effects.owned(), partitions))
    }
  }

  async #lose(): Promise<void> {
    const owned = this.#effects.owned()
    if (owned.length === 0) return
    try {
      await this.#listener.onLost?.(owned)
    } finally {
      this.#effects.assign([])
    }
  }
}
