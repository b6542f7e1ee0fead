/** What a group has committed for one partition. */
export interface CommittedOffset {
  readonly offset: number
  /** -1 where the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly committedAtMs: number
}
