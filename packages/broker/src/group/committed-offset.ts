/** What a group has committed for one partition. */
export interface CommittedOffset {
  readonly offset: number
  /** -1 where the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedAtMs: number
}

/** The same as the log has it. */
export interface StoredOffset extends CommittedOffset {
  /** Of its record: where transactions and others commit for one partition, the later record counts. */
  readonly recordOffset: number
}
