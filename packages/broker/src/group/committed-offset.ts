/** What a group has committed for one partition. */
export interface CommittedOffset {
  readonly offset: number
  /** -1 where the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedAtMs: number
  /** Where the client said how long to keep it (OffsetCommit 2 to 4); else the retention of the broker holds. */
  readonly expiresAtMs?: number | undefined
}

/** The same as the log has it. */
export interface StoredOffset extends CommittedOffset {
  /** Of its record: where transactions and others commit for one partition, the later record counts. */
  readonly recordOffset: number
}
