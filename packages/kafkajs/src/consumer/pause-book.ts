/** What was paused of one topic: all of it but some, or some of it. */
interface TopicPauses {
  all: boolean
  readonly paused: Set<number>
  readonly resumed: Set<number>
}

export interface PauseTarget {
  readonly topic: string
  readonly partitions?: readonly number[] | undefined
}

/** What the program has paused, whether it is assigned at the moment or not. */
export class PauseBook {
  readonly #topics = new Map<string, TopicPauses>()

  pause({ topic, partitions }: PauseTarget): void {
    const pauses = this.#of(topic)
    if (partitions === undefined) {
      pauses.paused.clear()
      pauses.resumed.clear()
      pauses.all = true
      return
    }
    for (const partition of partitions) {
      pauses.paused.add(partition)
      pauses.resumed.delete(partition)
    }
    pauses.all = false // as kafkajs has it: naming partitions ends the pause of the whole topic
  }

  resume({ topic, partitions }: PauseTarget): void {
    const pauses = this.#of(topic)
    if (partitions === undefined) {
      pauses.paused.clear()
      pauses.resumed.clear()
      pauses.all = false
      return
    }
    for (const partition of partitions) {
      pauses.paused.delete(partition)
      if (pauses.all) pauses.resumed.add(partition)
    }
  }

  isPaused(topic: string, partition: number): boolean {
    const pauses = this.#topics.get(topic)
    if (pauses === undefined) return false
    return pauses.paused.has(partition) || (pauses.all && !pauses.resumed.has(partition))
  }

  #of(topic: string): TopicPauses {
    let pauses = this.#topics.get(topic)
    if (pauses === undefined) {
      pauses = { all: false, paused: new Set(), resumed: new Set() }
      this.#topics.set(topic, pauses)
    }
    return pauses
  }
}
