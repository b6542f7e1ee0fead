/** The two that the same cases are written for. */
export type ClientName = '@millrace/client' | 'kafkajs'

export interface SentRecord {
  /** Left out: by the key, as Java's producer does it. */
  readonly partition?: number
  readonly key?: string | null
  readonly value: string | null
  readonly timestampMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface GotRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** A number for each partition, by its number. */
export type ByPartition = Readonly<Record<string, number>>

export interface ProducerChoices {
  /** @default 'all' */
  readonly acks?: 0 | 1 | 'all'
  readonly idempotent?: boolean
  readonly compression?: 'none' | 'gzip'
  readonly transactionalId?: string
  readonly transactionTimeoutMs?: number
}

export interface ProducerUnderTest {
  /** The first offset in each partition that was written; nothing with acks 0. */
  send(topic: string, records: readonly SentRecord[]): Promise<ByPartition>
  begin(): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  /** Within the transaction: where the group goes on, by partition. */
  sendOffsets(member: MemberUnderTest, topic: string, positions: ByPartition): Promise<void>
}

export interface MemberChoices {
  /** Where it begins without a committed position. @default 'earliest' */
  readonly from?: 'earliest' | 'latest'
  /** Only what was committed. @default false */
  readonly committed?: boolean
}

/** A running member of a group. It commits nothing by itself. */
export interface MemberUnderTest {
  readonly groupId: string
  /** Everything it was given, once there are so many, or the one with that value. */
  until(until: number | string): Promise<readonly GotRecord[]>
  /** Its partitions as `topic/partition`, sorted, once there are so many. */
  holds(count: number): Promise<readonly string[]>
  commit(topic: string, positions: ByPartition): Promise<void>
  seek(topic: string, partition: number, offset: number): void
  pause(topic: string, partition: number): void
  resume(topic: string, partition: number): void
  leave(): Promise<void>
}

export interface AdminUnderTest {
  /** False: it was there. */
  createTopic(name: string, partitions: number, configs?: Readonly<Record<string, string>>): Promise<boolean>
  deleteTopic(name: string): Promise<void>
  addPartitions(topic: string, total: number): Promise<void>
  hasTopic(name: string): Promise<boolean>
  partitions(topic: string): Promise<readonly number[]>
  config(topic: string, name: string): Promise<string | null | undefined>
  setConfig(topic: string, name: string, value: string): Promise<void>
  /** The end, the start, or the first at or after a time; the end where there is none. */
  offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<ByPartition>
  deleteRecords(topic: string, before: ByPartition): Promise<void>
  hasGroup(groupId: string): Promise<boolean>
  describeGroup(groupId: string): Promise<DescribedGroup>
  groupOffsets(groupId: string, topic: string): Promise<ByPartition>
  setGroupOffsets(groupId: string, topic: string, positions: ByPartition): Promise<void>
  deleteGroup(groupId: string): Promise<void>
  /** Node ids, and which of them is the controller. */
  cluster(): Promise<{ readonly brokers: readonly number[]; readonly controller: number | null }>
}

export interface DescribedGroup {
  readonly state: string
  readonly protocolType: string
  readonly members: readonly { readonly clientId: string; readonly partitions: readonly string[] }[]
}

export interface ReadOptions {
  readonly from?: number
  /** Only what was committed. @default false */
  readonly committed?: boolean
}

/** What a case may do with either client; everything it opened is closed when the case ends. */
export interface ClientUnderTest {
  readonly name: ClientName
  producer(choices?: ProducerChoices): Promise<ProducerUnderTest>
  /**
   * What a reader sees that begins at the start, or at `from` in partition 0: so many records, or up to the one with that
   * value. Partition after partition, each in its order.
   */
  read(topic: string, until: number | string, options?: ReadOptions): Promise<readonly GotRecord[]>
  member(groupId: string, topics: readonly string[] | RegExp, choices?: MemberChoices): Promise<MemberUnderTest>
  admin(): Promise<AdminUnderTest>
  /** Kafka's name of the error that the work ends with. @throws when it ends well */
  refusal(work: Promise<unknown>): Promise<string>
  close(): Promise<void>
}
