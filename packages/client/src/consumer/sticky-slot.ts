/** A member, and what it is given. */
export interface Slot {
  readonly memberId: string
  readonly generation: number
  readonly subscribed: ReadonlySet<number>
  /** By topic: the partitions that are given to it. */
  readonly held: Map<number, number[]>
  load: number
}

/** A topic, and who reads it. */
export interface Topic {
  readonly name: string
  readonly partitions: number
  readonly subscribers: readonly Slot[]
  /** Who had a partition and may keep it, by partition. */
  readonly before: (Slot | undefined)[]
}
