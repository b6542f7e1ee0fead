import { Buffer } from 'node:buffer'
import { type Clock, codeOf, offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, bytesOut, type CodecName, openBatches, type ValidBatch } from '@millrace/record/internal'
import { HeldSyncs, turn } from './held-syncs.ts'
import { KeyedModel, type SentRecord } from './keyed-model.ts'
import { LawBroken } from './law-broken.ts'
import type { Weakening } from './weakened.ts'

const path = '/data'
const startMs = 1_700_000_000_000
const codecs: readonly CodecName[] = ['none', 'none', 'none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Header, and a record of a key and a value. */
const markerBytes = 78

type Start = 'new' | 'clean' | 'kill' | 'power cut'

/** What a life of keyed partitions has come to. */
export interface CleaningLife {
  /** Records that cleaners took out. */
  readonly dropped: number
  /** Segments that retention let go. */
  readonly retained: number
}

/**
 * A life of compacted and expiring partitions, all of it from one seed: keyed records under every codec, tombstones, duplicates,
 * transactions of both ends, rolls, cleans and retention that run while syncs take their time, clean stops, and crashes at
 * any point of all that. After each start, and now and then in between, the partitions are held against what was promised.
 *
 * @throws LawBroken
 */
export async function liveCleaning(seed: number, weakening: Weakening): Promise<CleaningLife> {
  const life = new Life(seed, weakening)
  await life.open('new')
  const crashes = 1 + life.random.integer(4)
  for (let i = 0; i < crashes; i++) {
    await life.work(20 + life.random.integer(100))
    await life.crash()
  }
  return { dropped: life.dropped, retained: life.retained }
}

class Life {
  readonly random: SimRandom
  dropped = 0
  retained = 0
  readonly #weakening: Weakening
  readonly #held = new HeldSyncs()
  #disk: SimDisk
  #clock = new SimClock(startMs)
  #metrics = memoryMetrics()
  #directory: LogDirectory | undefined
  #models: KeyedModel[] = []
  #producers: { readonly id: number; readonly sequences: Map<KeyedModel, number> }[] = []
  #process = 0
  #nextId = 1

  constructor(seed: number, weakening: Weakening) {
    this.random = new SimRandom(seed)
    this.#weakening = weakening
    const { pause } = this.#held
    this.#disk = new SimDisk({ pause, nowMs: () => this.#clock.nowMs() })
  }

  async open(after: Start): Promise<void> {
    this.#clock = new SimClock(this.#clock.nowMs())
    this.#count()
    this.#metrics = memoryMetrics()
    const ports = {
      disk: this.#weakening.disk(this.#disk),
      clock: jittery(this.#clock, this.random),
      random: this.random,
      log: silentLog,
      metrics: this.#metrics,
    }
    const opening = openLogDirectory(path, ports, {
      cleanerBackoffMs: 100,
      initialTaskDelayMs: 50,
      retentionCheckIntervalMs: 200,
      cleanerDedupeBufferBytes: 1536 + this.random.integer(3000),
      cleanerIoBufferBytes: 1024 + this.random.integer(3000),
      ...this.#weakening.options,
    })
    this.#directory = await this.#finish(opening).catch((error: unknown) => {
      throw new LawBroken(`after ${after}: the directory does not open: ${String(error)}`)
    })
    for (const model of this.#models) this.#verify(model, after)
    if (this.#models.length === 0) await this.#createTopics()
    this.#producers = [1, 2].map(() => ({ id: this.#nextId++, sequences: new Map() }))
  }

  async work(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const dice = this.random.next()
      const model = this.#models[this.random.integer(this.#models.length)]!
      if (dice < 0.42) this.#append(model)
      else if (dice < 0.5) this.#appendInTransaction(model)
      else if (dice < 0.55) this.#endTransaction(model)
      else if (dice < 0.78) await this.#release()
      else if (dice < 0.92) await this.#pass(this.random.integer(400))
      else if (dice < 0.95) await this.#pass(this.random.integer(20_000))
      else if (dice < 0.985) this.#check(model, 'at work')
      else if (dice < 0.995) this.#deleteRecords(model)
      else await this.#restart()
    }
  }

  async crash(): Promise<void> {
    const kind = this.random.next() < 0.75 ? 'power cut' : 'kill'
    if (this.random.next() < 0.5) await this.#untilSwapping()
    this.#process++
    for (let turns = this.random.integer(4); turns > 0; turns--) await turn()
    this.#disk = kind === 'kill' ? this.#disk.kill() : this.#disk.crash(this.random.integer(2 ** 31))
    this.#held.forget()
    await this.open(kind)
  }

  /** Few moments of a life are those in which files change their names, and those are the ones to crash in. */
  async #untilSwapping(): Promise<void> {
    for (let i = 0; i < 40; i++) {
      await this.#pass(20)
      this.#held.endOne(this.random)
      await turn()
      const isSwapping = (model: KeyedModel) => this.#log(model).tail.swaps % 2 === 1
      if (this.#models.some(isSwapping) && this.random.next() < 0.5) return
    }
  }

  async #createTopics(): Promise<void> {
    const rules = [
      { compacted: true, deleteRetentionMs: 3000 },
      { compacted: true, deleteRetentionMs: 0, retentionMs: 20_000 },
      this.random.next() < 0.5
        ? { compacted: false, deleteRetentionMs: 0, retentionMs: 5000 }
        : { compacted: false, deleteRetentionMs: 0, retentionBytes: 3000 },
    ]
    for (const [i, rule] of rules.entries()) {
      const model = new KeyedModel(`topic.${i}`, rule)
      const deletes = rule.retentionMs !== undefined || rule.retentionBytes !== undefined
      const policies = [...(rule.compacted ? ['compact'] : []), ...(deletes ? ['delete'] : [])]
      const configs = new Map([
        ['cleanup.policy', policies.join(',')],
        ['segment.bytes', String(700 + this.random.integer(2500))],
        ['index.interval.bytes', String(this.random.integer(500))],
        ['retention.ms', String(rule.retentionMs ?? -1)],
        ['retention.bytes', String(rule.retentionBytes ?? -1)],
        ['delete.retention.ms', String(rule.deleteRetentionMs)],
        ['min.cleanable.dirty.ratio', String(this.random.integer(3) * 0.2)],
        ['max.compaction.lag.ms', String(this.random.next() < 0.3 ? 2000 : 2 ** 40)],
        ['min.compaction.lag.ms', String(this.random.next() < 0.3 ? 500 : 0)],
        ['file.delete.delay.ms', String(this.random.next() < 0.5 ? 0 : 1000)],
      ])
      await this.#finish(this.#directory!.createTopic({ name: model.topic, partitions: 1, configs }))
      this.#models.push(model)
    }
  }

  #append(model: KeyedModel): void {
    const producer = this.random.next() < 0.5 ? undefined : this.#producers[this.random.integer(2)]!
    const records = this.#records()
    const sequence = producer?.sequences.get(model) ?? 0
    producer?.sequences.set(model, sequence + records.length)
    const identity = producer === undefined ? undefined : { id: producer.id, epoch: 0, sequence }
    this.#write(model, records, identity, false)
  }

  /** One producer a transaction: it opens with its first batch. */
  #appendInTransaction(model: KeyedModel): void {
    const open = model.openTransactions()
    const going = open[this.random.integer(open.length + 1)]?.producer
    const last = going && model.sent.findLast((batch) => batch.producer?.id === going.id)
    const records = this.#records()
    const sequence = last === undefined ? 0 : (last.producer?.sequence ?? 0) + last.records.length
    const id = going?.id ?? (open.length < 2 ? this.#nextId++ : -1)
    if (id >= 0) this.#write(model, records, { id, epoch: 0, sequence }, true)
  }

  #endTransaction(model: KeyedModel): void {
    const open = model.openTransactions()
    const producer = open[this.random.integer(open.length)]?.producer
    if (producer === undefined) return
    const commit = this.random.next() < 0.5
    const marker = {
      producerId: producer.id,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      commit,
      transactionVersion: 1,
    } as const
    const { baseOffset: base, lastOffset: last } = this.#log(model).appendMarker(marker)
    const none = { records: [], bytes: markerBytes, body: undefined }
    model.sent.push({
      ...none,
      base,
      last,
      producer: { ...producer, sequence: -1 },
      transactional: true,
      commits: commit,
    })
    model.writtenTo = last + 1
  }

  #records(): { key: string; value: string | null; timestampMs: number }[] {
    const count = 1 + this.random.integer(4)
    return Array.from({ length: count }, () => {
      const number = this.random.integer(20)
      const key = number % 4 === 0 ? `a key that is too long to stand in the map by itself ${number}` : `key ${number}`
      const value = this.random.next() < 0.25 ? null : `${this.random.integer(1e9)}`.repeat(1 + this.random.integer(6))
      return { key, value, timestampMs: this.#clock.nowMs() - this.random.integer(3000) }
    })
  }

  #write(
    model: KeyedModel,
    sent: readonly Omit<SentRecord, 'offset'>[],
    producer: { readonly id: number; readonly epoch: number; readonly sequence: number } | undefined,
    transactional: boolean,
  ): void {
    const builder = new BatchBuilder({ codec: codecs[this.random.integer(codecs.length)], capacityBytes: 256 })
    for (const { key, value, timestampMs } of sent) {
      const bytes = value === null ? null : Buffer.from(value, 'latin1')
      builder.append(timestampMs, Buffer.from(key, 'latin1'), bytesOut, bytes, bytesOut, null)
    }
    const identity = { producerId: producer?.id, producerEpoch: producer?.epoch, baseSequence: producer?.sequence }
    const batch = builder.build({ ...identity, transactional })
    const body = Buffer.from(batch.subarray(16))
    const log = this.#log(model)
    const { baseOffset: base, lastOffset: last } = log.append(batch, { transactionVersion: 1 })
    if (base !== model.writtenTo)
      throw new LawBroken(`the append got offset ${base}, the log ended at ${model.writtenTo}`)
    const records = sent.map((record, i) => ({ ...record, offset: base + i }))
    const rest = { records, bytes: batch.length, producer, transactional, commits: undefined, body }
    model.sent.push({ base, last, ...rest })
    model.writtenTo = last + 1
    if (this.random.next() < 0.5) this.#awaitSync(model, log, last + 1)
  }

  #deleteRecords(model: KeyedModel): void {
    const before = this.random.integer(model.writtenTo + 1)
    void this.#log(model)
      .deleteRecords(offset(before))
      .catch((error: unknown) => {
        if (codeOf(error) === 'POLICY_VIOLATION') return
        throw error
      })
      .catch(() => {})
    if (model.retentionMs !== undefined || model.retentionBytes !== undefined) {
      model.askedStart = Math.max(model.askedStart, before)
    }
  }

  #awaitSync(model: KeyedModel, log: PartitionLog, upTo: number): void {
    const process = this.#process
    void log.synced(offset(upTo)).then(
      () => {
        if (process === this.#process) model.syncedTo = Math.max(model.syncedTo, upTo)
      },
      () => {},
    )
  }

  /** Some of the syncs under way come to their end. */
  #release(): Promise<void> {
    return this.#held.endSome(this.random, 5)
  }

  async #pass(ms: number): Promise<void> {
    this.#clock.advanceSync(ms)
    await turn()
  }

  async #restart(): Promise<void> {
    await this.#finish(this.#directory!.close())
    for (const model of this.#models) model.syncedTo = model.writtenTo
    this.#process++
    await this.open('clean')
  }

  #finish<T>(promise: Promise<T>): Promise<T> {
    return this.#held.settled(promise, () => {
      this.#clock.advanceSync(1)
      return true
    })
  }

  #verify(model: KeyedModel, after: Start): void {
    const log = this.#log(model)
    const promised = after === 'power cut' ? model.syncedTo : model.writtenTo
    if (log.highWatermark < promised) {
      throw new LawBroken(`${model.topic} after ${after}: acknowledged to ${promised}, it ends at ${log.highWatermark}`)
    }
    model.cutTo(log.highWatermark)
    model.syncedTo = log.syncedTo
    this.#check(model, after)
    this.#expectDuplicates(model, log, after)
  }

  #check(model: KeyedModel, at: string): void {
    const step = () => 1 + this.random.integer(3000)
    model.check(this.#log(model), `${model.topic} ${at}`, this.#clock.nowMs(), step)
  }

  /** The last batch of a producer is known, also where a cleaner has taken its records. */
  #expectDuplicates(model: KeyedModel, log: PartitionLog, after: Start): void {
    for (const { id } of this.#producers) {
      const last = model.sent.findLast((batch) => batch.producer?.id === id)
      if (last?.body === undefined || last.base < log.logStart) continue
      const again = Buffer.concat([Buffer.alloc(16), last.body])
      again.writeInt32BE(again.length - 12, 8)
      const [batch] = openBatches(again, { source: 'again', position: 0 })
      if (!this.#isDuplicate(log, batch!)) throw new LawBroken(`${model.topic} after ${after}: ${id} is forgotten`)
    }
  }

  #isDuplicate(log: PartitionLog, batch: ValidBatch): boolean {
    try {
      return log.append(batch).duplicate
    } catch {
      return false
    }
  }

  #log(model: KeyedModel): PartitionLog {
    const log = this.#directory?.partition(model.topic, 0)
    if (log !== undefined && log.failure === undefined) return log
    const reason = log?.failure?.message ?? this.#directory?.offline(model.topic, 0)?.message ?? 'it is not known'
    throw new LawBroken(`${model.topic} is gone: ${reason}`)
  }

  #count(): void {
    for (const [name, value] of this.#metrics.snapshot()) {
      if (name.startsWith('millrace_log_cleaner_dropped_records_total')) this.dropped += value
      if (name.startsWith('millrace_log_retention_segments_total')) this.retained += value
    }
  }
}

/** Time stands still but for what the test says; only what measures how long it holds the thread sees some of it go. */
function jittery(clock: SimClock, random: SimRandom): Clock {
  let extraMs = 0
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => {
      extraMs += random.next()
      return clock.monotonicMs() + extraMs
    },
    after: (delayMs, callback) => clock.after(Math.ceil(delayMs), callback),
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    turn: () => clock.turn(),
  }
}
