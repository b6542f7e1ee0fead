import { Buffer } from 'node:buffer'
import { codeOf, type Offset, offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, baseOffset, bytesOut, lastOffset, openBatches, type ValidBatch } from '@millrace/record/internal'
import { HeldSyncs, turn } from './held-syncs.ts'
import { LawBroken } from './law-broken.ts'
import type { Weakening } from './weakened.ts'

const path = '/data'
const startMs = 1_700_000_000_000

/** A batch as it was handed to the log, and where it went. */
interface Sent {
  readonly base: number
  readonly last: number
  /** All but what the log stamps. */
  readonly body: Buffer
  readonly timestampMs: number
  readonly producer: { readonly id: number; readonly epoch: number; readonly sequence: number } | undefined
}

interface PartitionModel {
  readonly topic: string
  readonly partition: number
  sent: Sent[]
  /** Acknowledged at acks=all: survives the loss of power. */
  syncedTo: number
  /** Acknowledged at acks=1: survives the death of the process. */
  writtenTo: number
  /** The log start: what was acknowledged, and what was asked for and may have happened. */
  startedAt: number
  askedStart: number
}

interface Producer {
  /** undefined: not idempotent. */
  readonly id: number | undefined
  /** The next one, by partition. */
  readonly sequences: Map<PartitionModel, number>
}

/**
 * A life of one data directory, all of it from one seed: three producers (two of them idempotent), topics, rolls,
 * syncs that
 * take their time, clean stops, and several crashes. After each start the directory is held against what was promised
 * (law 6).
 *
 * @throws LawBroken
 */
export async function live(seed: number, weakening: Weakening): Promise<void> {
  const life = new Life(seed, weakening)
  await life.open('new')
  const crashes = 1 + life.random.integer(3)
  for (let i = 0; i < crashes; i++) {
    await life.work(5 + life.random.integer(60))
    await life.crash()
  }
}

class Life {
  readonly random: SimRandom
  readonly #weakening: Weakening
  readonly #held = new HeldSyncs()
  #disk: SimDisk
  #directory: LogDirectory | undefined
  #models: PartitionModel[] = []
  #producers: Producer[] = []
  #topicCount = 0
  #epoch = -1
  /** Promises of an earlier process mean nothing. */
  #process = 0

  constructor(seed: number, weakening: Weakening) {
    this.random = new SimRandom(seed)
    this.#weakening = weakening
    this.#disk = new SimDisk({ pause: this.#held.pause })
  }

  async open(after: 'new' | 'clean' | 'kill' | 'power cut'): Promise<void> {
    const ports = {
      disk: this.#weakening.disk(this.#disk),
      clock: new SimClock(startMs),
      random: this.random,
      log: silentLog,
      metrics: memoryMetrics(),
    }
    const opening = openLogDirectory(path, ports, this.#weakening.options)
    this.#directory = await this.#finish(opening).catch((error: unknown) => {
      throw new LawBroken(`after ${after}: the directory does not open: ${String(error)}`)
    })
    for (const model of this.#models) this.#verify(model, after)
    this.#producers = [undefined, this.#newProducerId(), this.#newProducerId()].map((id) => ({
      id,
      sequences: new Map(),
    }))
  }

  async work(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const dice = this.random.next()
      if (this.#models.length === 0 || dice < 0.05) await this.#createTopic()
      else if (dice < 0.7) this.#append()
      else if (dice < 0.75) this.#deleteRecords()
      else if (dice < 0.97) await this.#release()
      else await this.#restart()
    }
  }

  async crash(): Promise<void> {
    const kind = this.random.next() < 0.75 ? 'power cut' : 'kill'
    // Now and then in the middle of the creation of a topic.
    if (this.random.next() < 0.2) void this.#createTopic().catch(() => {})
    this.#process++
    for (let turns = this.random.integer(4); turns > 0; turns--) await turn()
    this.#disk = kind === 'kill' ? this.#disk.kill() : this.#disk.crash(this.random.integer(2 ** 31))
    this.#held.forget()
    await this.open(kind)
  }

  async #createTopic(): Promise<void> {
    const name = `topic.${this.#topicCount++}`
    const partitions = 1 + this.random.integer(2)
    const configs = new Map([
      ['segment.bytes', String(1500 + this.random.integer(3000))],
      ['index.interval.bytes', String(this.random.integer(500))],
    ])
    const process = this.#process
    const directory = this.#directory!
    const creating = directory.createTopic({ name, partitions, configs })
    await this.#finish(creating)
    if (process !== this.#process) return
    for (let partition = 0; partition < partitions; partition++) {
      this.#models.push({ topic: name, partition, sent: [], syncedTo: 0, writtenTo: 0, startedAt: 0, askedStart: 0 })
    }
  }

  #append(): void {
    const model = this.#models[this.random.integer(this.#models.length)]!
    const log = this.#partition(model)
    const producer = this.#producers[this.random.integer(this.#producers.length)]!
    const last = model.sent.findLast((sent) => sent.producer !== undefined && sent.producer.id === producer.id)
    if (last !== undefined && this.random.next() < 0.1) {
      this.#expectDuplicate(log, last)
      return
    }
    const count = 1 + this.random.integer(3)
    const timestampMs = startMs - 100_000 + this.random.integer(100_000)
    const sequence = producer.sequences.get(model) ?? 0
    producer.sequences.set(model, sequence + count)
    const identity = producer.id === undefined ? undefined : { id: producer.id, epoch: 0, sequence }
    const batch = this.#batch(count, timestampMs, identity)
    const appended = log.append(batch)
    const body = Buffer.from(batch.subarray(16))
    model.sent.push({ base: appended.baseOffset, last: appended.lastOffset, body, timestampMs, producer: identity })
    if (appended.baseOffset !== model.writtenTo) {
      throw new LawBroken(`the append got offset ${appended.baseOffset}, the log ended at ${model.writtenTo}`)
    }
    model.writtenTo = appended.lastOffset + 1
    if (this.random.next() < 0.5) this.#awaitSync(model, log, offset(model.writtenTo))
  }

  #deleteRecords(): void {
    const model = this.#models[this.random.integer(this.#models.length)]!
    const log = this.#partition(model)
    const before = offset(this.random.integer(model.writtenTo + 1))
    const process = this.#process
    model.askedStart = Math.max(model.askedStart, before)
    void log.deleteRecords(before).then(
      () => {
        if (process === this.#process) model.startedAt = Math.max(model.startedAt, before)
      },
      () => {},
    )
  }

  #awaitSync(model: PartitionModel, log: PartitionLog, upTo: Offset): void {
    const process = this.#process
    void log.synced(upTo).then(
      () => {
        if (process === this.#process) model.syncedTo = Math.max(model.syncedTo, upTo)
      },
      () => {},
    )
  }

  /** Some of the syncs under way come to their end. */
  #release(): Promise<void> {
    return this.#held.endSome(this.random, 4)
  }

  async #restart(): Promise<void> {
    await this.#finish(this.#directory!.close())
    for (const model of this.#models) model.syncedTo = model.writtenTo
    this.#process++
    await this.open('clean')
  }

  #finish<T>(promise: Promise<T>): Promise<T> {
    const process = this.#process
    return this.#held.settled(promise, () => process === this.#process)
  }

  #verify(model: PartitionModel, after: 'new' | 'clean' | 'kill' | 'power cut'): void {
    const at = `${model.topic}-${model.partition} after ${after}`
    const log = this.#partition(model)
    const promised = after === 'power cut' ? model.syncedTo : model.writtenTo
    if (log.highWatermark < promised) {
      throw new LawBroken(`${at}: acknowledged up to ${promised}, the log ends at ${log.highWatermark}`)
    }
    if (log.logStart < model.startedAt || log.logStart > model.askedStart) {
      throw new LawBroken(`${at}: it starts at ${log.logStart}, not in [${model.startedAt}, ${model.askedStart}]`)
    }
    const kept = model.sent.filter((sent) => sent.last < log.highWatermark)
    const readable = kept.filter((sent) => sent.last >= log.logStart)
    this.#verifyContents(log, readable, at)
    this.#verifyFinding(log, readable, at)
    if (after === 'kill' || after === 'power cut') {
      if (log.leaderEpoch <= this.#epoch) throw new LawBroken(`${at}: the epoch is ${log.leaderEpoch} still`)
      const end = log.endOffsetForEpoch(log.leaderEpoch - 1).endOffset
      if (kept.length > 0 && end !== log.highWatermark) throw new LawBroken(`${at}: the old epoch ends at ${end}`)
    }
    for (const sent of kept.slice(-1)) if (sent.producer !== undefined) this.#expectDuplicate(log, sent)
    model.sent = kept
    model.writtenTo = log.highWatermark
    model.startedAt = log.logStart
    model.askedStart = log.logStart
    model.syncedTo = Math.max(promised, log.syncedTo)
    if (this.#models.at(-1) === model) this.#epoch = log.leaderEpoch
  }

  #verifyContents(log: PartitionLog, kept: readonly Sent[], at: string): void {
    let next: number = log.logStart
    for (let i = 0; next < log.highWatermark; ) {
      for (const batch of this.#read(log, next, 1 + this.random.integer(4000), at)) {
        const expected = kept[i++]
        if (expected === undefined || baseOffset(batch) !== expected.base || lastOffset(batch) !== expected.last) {
          throw new LawBroken(`${at}: offset ${baseOffset(batch)} is in no place where a batch was appended`)
        }
        if (!batch.subarray(16).equals(expected.body))
          throw new LawBroken(`${at}: the bytes at ${expected.base} differ`)
        next = expected.last + 1
      }
    }
  }

  #verifyFinding(log: PartitionLog, kept: readonly Sent[], at: string): void {
    this.#verifyStart(log, at)
    for (let i = 0; i < 5 && kept.length > 0; i++) {
      const wanted = kept[this.random.integer(kept.length)]!
      const [found] = this.#read(log, wanted.last, 1, at)
      if (found === undefined || baseOffset(found) !== wanted.base)
        throw new LawBroken(`${at}: ${wanted.last} is not found`)
      const first = kept.find((sent) => sent.timestampMs >= wanted.timestampMs)
      const expected = first && Math.max(first.base, log.logStart)
      const byTime = log.offsetForTimestamp(wanted.timestampMs)
      if (byTime?.offset !== expected) throw new LawBroken(`${at}: by time ${byTime?.offset}, not ${expected}`)
    }
  }

  #verifyStart(log: PartitionLog, at: string): void {
    if (log.logStart === 0) return
    try {
      log.read(offset(log.logStart - 1), 1, 'read_uncommitted')
    } catch (error) {
      if (codeOf(error) === 'OFFSET_OUT_OF_RANGE') return
    }
    throw new LawBroken(`${at}: a deleted record is read`)
  }

  #read(log: PartitionLog, from: number, bytesMax: number, at: string): ValidBatch[] {
    try {
      const batches = openBatches(log.read(offset(from), bytesMax, 'read_uncommitted').bytes, {
        source: at,
        position: 0,
      })
      if (batches.length === 0) throw new Error('no bytes came')
      return batches
    } catch (error) {
      throw new LawBroken(`${at}: offset ${from} cannot be read: ${String(error)}`)
    }
  }

  #expectDuplicate(log: PartitionLog, sent: Sent): void {
    const again = Buffer.concat([Buffer.alloc(16), sent.body])
    again.writeInt32BE(again.length - 12, 8)
    const [batch] = openBatches(again, { source: 'again', position: 0 })
    const before = log.highWatermark
    const appended = log.append(batch!)
    if (!appended.duplicate || appended.baseOffset !== sent.base || log.highWatermark !== before) {
      throw new LawBroken(`a batch sent again got offset ${appended.baseOffset}, not ${sent.base}`)
    }
  }

  #partition(model: PartitionModel): PartitionLog {
    const log = this.#directory?.partition(model.topic, model.partition)
    if (log !== undefined) return log
    const reason = this.#directory?.offline(model.topic, model.partition)?.message ?? 'it is not known'
    throw new LawBroken(`${model.topic}-${model.partition} is gone: ${reason}`)
  }

  #newProducerId(): number {
    return this.random.integer(2 ** 40)
  }

  #batch(count: number, timestampMs: number, producer: Sent['producer']): ValidBatch {
    const builder = new BatchBuilder()
    for (let i = 0; i < count; i++) {
      const value = Buffer.alloc(this.random.integer(400), this.random.integer(256))
      builder.append(timestampMs, Buffer.from([i]), bytesOut, value, bytesOut, null)
    }
    return builder.build({
      producerId: producer?.id,
      producerEpoch: producer?.epoch,
      baseSequence: producer?.sequence,
    })
  }
}
