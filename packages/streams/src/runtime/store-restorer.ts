import type { Admin, Consumer, ConsumerOptions, PolledBatch } from '@millrace/client'
import { type Log, MiB, type Offset, offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { FlushedOffsets } from '@millrace/store'

/** A task as the restorer sees it. */
export interface RestoringTask {
  readonly id: string
  readonly partition: number
  /** Store name to changelog topic. */
  readonly changelogs: ReadonlyMap<string, string>
  /** What the stores on disk stand for; a store that is missing here is restored from the beginning. */
  readonly storedOffsets: FlushedOffsets
  /** The stores hold more than the changelog: they are not of this log, or a power cut tore them. */
  discardStores(): Promise<void>
  /** Every record of a changelog batch; how many there were. */
  restoreBatch(store: string, batch: PolledBatch): number
  /** Makes what was restored durable with its positions, when enough has gathered. */
  flushStores(offsets: FlushedOffsets): void
}

/** What the restorer uses of a client. */
export interface RestorerClient {
  consumer(
    options: ConsumerOptions,
  ): Pick<Consumer, 'assign' | 'seek' | 'position' | 'poll' | 'endOffsets' | 'beginningOffsets' | 'close'>
  admin(): Pick<Admin, 'listOffsets' | 'close'>
}

interface Restoration {
  readonly task: RestoringTask
  readonly store: string
  readonly end: Offset
  position: Offset
}

/** Bytes of changelog, as they came, between two flushes of a task's stores: bounds what is held back. */
const flushEveryBytes = 8 * MiB
/** Of changelogs in one step, between which the thread does its other work. */
const stepBytes = MiB

/**
 * Brings the stores of new tasks up to the ends of their changelogs, a step at a time, so that the thread keeps
 * serving its other tasks. Uses a consumer without a group.
 */
export class StoreRestorer {
  readonly #consumer: ReturnType<RestorerClient['consumer']>
  readonly #admin: ReturnType<RestorerClient['admin']>
  readonly #log: Log
  readonly #active = new TopicPartitionMap<Restoration>()
  readonly #left = new Map<RestoringTask, number>()
  readonly #sinceFlush = new Map<RestoringTask, number>()
  #restored = 0

  constructor(client: RestorerClient, log: Log) {
    // A changelog may hold transactions that were aborted, also of a time when the application ran under exactly-once.
    this.#consumer = client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed' })
    this.#admin = client.admin()
    this.#log = log
  }

  get restoredRecords(): number {
    return this.#restored
  }

  /** Records still to be read. */
  get lag(): number {
    let lag = 0
    for (const { end, position } of this.#active.values()) lag += Math.max(0, end - position)
    return lag
  }

  get busy(): boolean {
    return this.#left.size > 0
  }

  /**
   * Takes on tasks. Those with nothing to read are done at the next step.
   *
   * The end is that of all records, not of those whose transactions have ended: of a transaction that has moved the input
   * positions the changelog may not have heard yet, for its marker comes to each partition by itself. Reading on behind
   * them waits for it; what nobody ends is aborted when its time is over.
   */
  async add(tasks: readonly RestoringTask[]): Promise<void> {
    const wanted = tasks.flatMap((task) =>
      [...task.changelogs].map(([store, topic]) => ({ task, store, topic, partition: task.partition })),
    )
    for (const task of tasks) this.#left.set(task, 0)
    if (wanted.length === 0) return
    const [ends, beginnings] = await Promise.all([
      this.#admin.listOffsets(wanted, 'latest'),
      this.#consumer.beginningOffsets(wanted),
    ])
    for (const task of tasks) await this.#discardIfAhead(task, ends)
    const fresh: TopicPartition[] = []
    for (const { task, store, topic, partition } of wanted) {
      const end = ends.get(topic, partition) ?? offset(0)
      const begin = beginnings.get(topic, partition) ?? offset(0)
      const position = offset(Math.max(begin, task.storedOffsets[store] ?? 0))
      if (position >= end) continue
      this.#active.set(topic, partition, { task, store, end, position })
      this.#left.set(task, (this.#left.get(task) ?? 0) + 1)
      fresh.push({ topic, partition })
    }
    this.#assign()
    // Only the new ones: seeking drops what was fetched ahead.
    for (const at of fresh) this.#consumer.seek(at, this.#active.get(at.topic, at.partition)!.position)
  }

  /** Gives up on tasks that went elsewhere. */
  remove(tasks: readonly RestoringTask[]): void {
    const before = this.#active.size
    for (const task of tasks) {
      this.#left.delete(task)
      this.#sinceFlush.delete(task)
      for (const [at, restoration] of this.#active.entries()) {
        if (restoration.task === task) this.#active.delete(at.topic, at.partition)
      }
    }
    if (this.#active.size < before) this.#assign()
  }

  /** Reads what has come, waiting up to `waitMs` for the first. Returns the tasks that are complete now. */
  async step(waitMs: number): Promise<RestoringTask[]> {
    if (this.#active.size > 0) {
      for (const polled of await this.#consumer.poll({ timeoutMs: waitMs, bytesMax: stepBytes })) {
        const restoration = this.#active.get(polled.topic, polled.partition)
        if (restoration !== undefined) this.#apply(restoration, polled)
      }
      this.#finishReached()
    }
    const done = [...this.#left].filter(([, left]) => left === 0).map(([task]) => task)
    for (const task of done) {
      this.#left.delete(task)
      this.#sinceFlush.delete(task)
    }
    return done
  }

  async close(): Promise<void> {
    await Promise.all([this.#consumer.close(), this.#admin.close()])
  }

  /** A batch is applied as a whole, so its end is a position that the store can stand for. */
  #apply(restoration: Restoration, polled: PolledBatch): void {
    const { task, store } = restoration
    const count = task.restoreBatch(store, polled)
    restoration.position = polled.next
    this.#restored += count
    const held = (this.#sinceFlush.get(task) ?? 0) + polled.batch.length
    this.#sinceFlush.set(task, held)
    if (held >= flushEveryBytes) this.#flush(task)
  }

  /**
   * By the consumer's position: what ends a changelog may be hidden from readers (marks of transactions), and then no
   * batch comes that reaches the end.
   */
  #finishReached(): void {
    const reached = [...this.#active].filter(([at, { end, position }]) => {
      return Math.max(position, this.#consumer.position(at) ?? 0) >= end
    })
    if (reached.length === 0) return
    for (const [, restoration] of reached)
      restoration.position = offset(Math.max(restoration.position, restoration.end))
    for (const task of new Set(reached.map(([, { task }]) => task))) this.#flush(task)
    for (const [{ topic, partition }, { task }] of reached) {
      this.#active.delete(topic, partition)
      this.#left.set(task, (this.#left.get(task) ?? 1) - 1)
    }
    this.#assign()
  }

  #flush(task: RestoringTask): void {
    const offsets: Record<string, number> = {}
    for (const restoration of this.#active.values()) {
      if (restoration.task === task) offsets[restoration.store] = restoration.position
    }
    task.flushStores(offsets)
    this.#sinceFlush.set(task, 0)
  }

  async #discardIfAhead(task: RestoringTask, ends: TopicPartitionMap<Offset>): Promise<void> {
    for (const [store, topic] of task.changelogs) {
      const stored = task.storedOffsets[store] ?? 0
      const end = ends.get(topic, task.partition) ?? 0
      if (stored <= end) continue
      this.#log.warn('state is ahead of its changelog: discarded', { task: task.id, store, stored, end })
      await task.discardStores()
      return
    }
  }

  /** The consumer reads exactly what is still active; those that stay keep their positions and what was fetched. */
  #assign(): void {
    this.#consumer.assign([...this.#active].map(([at]) => at))
  }
}
