import type { Buffer } from 'node:buffer'
import type { Offset, TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { ConsumerInterceptor } from './interceptors.ts'
import type { OffsetAndMetadata, PolledBatch } from './records.ts'

/** `by_duration:` is followed by an ISO 8601 duration: `by_duration:PT1H30M`, `by_duration:P7D` (KIP-1106). */
export type AutoOffsetReset = 'earliest' | 'latest' | 'none' | `by_duration:${string}`

export interface ConsumerOptions {
  /** Needed for `subscribe` and `commit`. */
  readonly groupId?: string | undefined
  /** Static membership (KIP-345). */
  readonly groupInstanceId?: string | undefined
  /**
   * Where this consumer stands, as the brokers' `broker.rack`. Assignors give it what lies there, where that leaves the division as even
   * (KIP-881), and the broker that leads a partition may send it to a replica there (KIP-392).
   */
  readonly rackId?: string | undefined
  /**
   * Where to begin without a committed position, or when it is gone; or who knows, by topic. `by_duration:PT1H`: at the first record that
   * is not older than an hour, at the end where there is none. @default 'latest'
   */
  readonly autoOffsetReset?: AutoOffsetReset | ((topic: string) => AutoOffsetReset) | undefined
  /** @default 'read_uncommitted' */
  readonly isolation?: 'read_uncommitted' | 'read_committed' | undefined
  /**
   * In order of preference; the group takes one that all its members have. A consumer rebalances cooperatively when each of its assignors
   * can, so `[cooperativeStickyAssignor()]` alone. @default range, then cooperative-sticky, as Kafka: a group moves to the second by
   * one rolling restart without the first
   */
  readonly assignors?: readonly Assignor[] | undefined
  /** @default 45000 */
  readonly sessionTimeoutMs?: number | undefined
  /** @default 3000 */
  readonly heartbeatIntervalMs?: number | undefined
  /** Longest time between two polls before the member is thought stuck. @default 300000 */
  readonly maxPollIntervalMs?: number | undefined
  /** Bytes fetched ahead and not yet polled, over all partitions. @default 16 MiB */
  readonly prefetchBytesMax?: number | undefined
  /** Of one partition in one fetch. @default 1 MiB */
  readonly partitionFetchBytesMax?: number | undefined
  /** How long the broker may wait for a first byte. @default 500 */
  readonly fetchWaitMs?: number | undefined
  /** Commits polled positions by itself at this pace; undefined: never. */
  readonly autoCommitIntervalMs?: number | undefined
  /**
   * Subscribing to a topic that does not exist makes it, where the broker allows that (`auto.create.topics.enable`).
   * @default false: it is looked for until somebody makes it (Kafka's `allow.auto.create.topics` is true)
   */
  readonly allowAutoCreateTopics?: boolean | undefined
  /** Shown what `poll` returns and what is committed, in this order. */
  readonly interceptors?: readonly ConsumerInterceptor[] | undefined
}

/** A call that waits for the network. */
export interface CallOptions {
  /** Gives the call up: it throws ABORTED at once. What was sent may still take effect. */
  readonly signal?: AbortSignal | undefined
}

export interface PollOptions extends CallOptions {
  /** @default 1000 */
  readonly timeoutMs?: number | undefined
  /** @default 1 MiB */
  readonly bytesMax?: number | undefined
}

/**
 * Told of changes; awaited inside `poll`, so that a commit in `onRevoked` happens before anybody else reads on.
 *
 * Eager: each round revokes everything and assigns everything. Cooperative: a round names what goes and what is new, either may be
 * nothing; what stays is read on meanwhile.
 */
export interface RebalanceListener {
  /** After each round, with what is new in it. */
  onAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>
  /** Still owned while this runs. */
  onRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>
  /** Gone already (session expired, fenced): commits will be refused. */
  onLost?(partitions: readonly TopicPartition[]): void | Promise<void>
}

export interface AssignorMember {
  readonly memberId: string
  readonly topics: readonly string[]
  readonly userData: Buffer | null
  /** What it reads at the moment; nothing where it gave everything up before the round. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** Of the round that gave it `ownedPartitions`; -1 or left out: unknown. */
  readonly generation?: number | undefined
  readonly rackId?: string | null | undefined
  /** Of a static member. */
  readonly groupInstanceId?: string | null | undefined
}

export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Buffer | null
}

/** Members give up everything before a round (`eager`), or only what it takes from them (`cooperative`, KIP-429). */
export type RebalanceProtocol = 'eager' | 'cooperative'

/** What the member that divides knows of the cluster. */
export interface AssignorCluster {
  /** undefined: there is no such topic, as far as it is known. */
  partitionsOf(topic: string): number | undefined
  /** Where the replicas of a partition are, by the `broker.rack` of their brokers; none: the brokers do not say. */
  racksOf?(topic: string, partition: number): readonly string[]
}

/** Divides partitions in a group. Runs on the member that leads. The name is the protocol's in the group. */
export interface Assignor {
  readonly name: string
  /**
   * What it can be used with. One that is `cooperative` must not give a partition to a member while another member owns it: it leaves
   * it out, and its owner's next join begins the round that gives it out. @default eager alone
   */
  readonly protocols?: readonly RebalanceProtocol[] | undefined
  /** Sent along when joining. */
  userData(): Buffer | null
  /** May look things up (create topics, ask for partition counts). One entry per member. */
  assign(
    members: readonly AssignorMember[],
    cluster: AssignorCluster,
  ): ReadonlyMap<string, MemberAssignment> | Promise<ReadonlyMap<string, MemberAssignment>>
  /** What came with this member's assignment. */
  onAssigned(userData: Buffer | null, partitions: readonly TopicPartition[], generation: number): void
}

/** Who this consumer is in its group, for fencing transactional commits (KIP-447). */
export interface GroupMetadata {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/**
 * Reads batches. One call of `poll` at a time. Heartbeats run beside it; a member that does not poll for
 * `maxPollIntervalMs` leaves.
 */
export interface Consumer {
  /**
   * Joins the group at the next `poll`. Topics may be changed by calling again. A pattern is matched (`RegExp.test`, so anchor it
   * where it must be whole) against the names of all topics but internal ones, anew each `metadataMaxAgeMs`. A topic that does not
   * exist is looked for, and logged; `millrace_client_unknown_topics` counts them.
   *
   * @throws INVALID_TOPIC_EXCEPTION for a name that no topic can have.
   */
  subscribe(topics: readonly string[] | RegExp, listener?: RebalanceListener): void
  /** The topics subscribed to; those that match the pattern, once they are known. */
  subscription(): readonly string[]
  /** Reads these partitions, without a group. */
  assign(partitions: readonly TopicPartition[]): void
  assignment(): readonly TopicPartition[]
  /**
   * What has been fetched, at most `bytesMax` (1 MiB by default; one batch at least), partitions in turn, waiting up to
   * `timeoutMs` (1 s by default) for the first. Empty on timeout, and once a position has moved past markers and aborted
   * records alone. The position moves past what is returned. Bytes are valid for as long as they are referenced. A poll whose signal
   * fires returns nothing and loses nothing: the next one goes on, also with a round of the group that had begun.
   *
   * @throws whatever `remedyFor` says cannot be retried: authorisation, OFFSET_OUT_OF_RANGE under `none`,
   * FENCED_INSTANCE_ID, ABORTED.
   */
  poll(options?: PollOptions): Promise<readonly PolledBatch[]>
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  paused(): readonly TopicPartition[]
  seek(partition: TopicPartition, to: Offset): void
  seekToBeginning(partitions: readonly TopicPartition[], options?: CallOptions): Promise<void>
  seekToEnd(partitions: readonly TopicPartition[], options?: CallOptions): Promise<void>
  /** Offset of the next record `poll` will return; undefined until known. */
  position(partition: TopicPartition): Offset | undefined
  /** Records between the position and the end last seen; undefined until a fetch has answered. */
  currentLag(partition: TopicPartition): number | undefined
  /**
   * @throws REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID when the partitions may have been given
   * away: process again.
   */
  commit(offsets: TopicPartitionMap<OffsetAndMetadata>, options?: CallOptions): Promise<void>
  committed(partitions: readonly TopicPartition[], options?: CallOptions): Promise<TopicPartitionMap<OffsetAndMetadata>>
  /** First offset whose timestamp is at or after `timestampMs`; the end where there is none. */
  offsetsForTimes(at: TopicPartitionMap<number>, options?: CallOptions): Promise<TopicPartitionMap<Offset>>
  beginningOffsets(partitions: readonly TopicPartition[], options?: CallOptions): Promise<TopicPartitionMap<Offset>>
  endOffsets(partitions: readonly TopicPartition[], options?: CallOptions): Promise<TopicPartitionMap<Offset>>
  /** undefined outside a group or before the first join. */
  groupMetadata(): GroupMetadata | undefined
  /** Asks for a new round at the next poll (assignor data changed). */
  requestRejoin(): void
  /**
   * Revokes what is assigned and leaves the group. A signal that fires ends the waits for the automatic commit and for the group, which
   * finds out by the session's end; the consumer is closed in any case. Hooks are awaited.
   */
  close(options?: CallOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
