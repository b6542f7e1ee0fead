import { Buffer } from 'node:buffer'
import { codeOf, offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import {
  BatchBuilder,
  baseOffset,
  bytesOut,
  isControl,
  lastOffset,
  openBatches,
  producerId,
  readControl,
  type ValidBatch,
} from '@millrace/record/internal'
import { HeldSyncs, turn } from './held-syncs.ts'
import { LawBroken } from './law-broken.ts'
import { committedOf, lastStableOf, transactionsOf, type Written } from './transaction-model.ts'
import type { Weakening } from './weakened.ts'

const path = '/data'
const startMs = 1_700_000_000_000
const topic = 'orders'

interface Producer {
  readonly id: number
  readonly version: 1 | 2
  epoch: number
  sequence: number
  open: boolean
}

type Stop = 'new' | 'clean' | 'kill' | 'power cut'

/**
 * A life of one partition, all of it from one seed: four transactional producers under both versions of the protocol
 * and a plain one, rolls, syncs that take their time, clean stops, crashes at any point, and side files that are lost
 * or damaged between two runs. At all times the log is held against a slow model of its whole history (law 6).
 *
 * @throws LawBroken
 */
export async function liveTransactions(seed: number, weakening: Weakening): Promise<void> {
  const life = new TransactionLife(seed, weakening)
  await life.open('new')
  const crashes = 1 + life.random.integer(3)
  for (let i = 0; i < crashes; i++) {
    try {
      await life.work(10 + life.random.integer(80))
      await life.crash()
    } catch (error) {
      // Nothing that these producers do may be refused.
      throw codeOf(error) === undefined ? error : new LawBroken(String(error))
    }
  }
}

class TransactionLife {
  readonly random: SimRandom
  readonly #weakening: Weakening
  readonly #held = new HeldSyncs()
  /** Lives that delete records keep their side files: a snapshot may be all that is known of what was deleted. */
  readonly #deletes: boolean
  readonly #producers: Producer[]
  #disk: SimDisk
  #directory: LogDirectory | undefined
  #history: Written[] = []
  #coordinatorEpoch = 0
  #syncedTo = 0
  #startedAt = 0
  #askedStart = 0
  /** Promises of an earlier process mean nothing. */
  #process = 0

  constructor(seed: number, weakening: Weakening) {
    this.random = new SimRandom(seed)
    this.#weakening = weakening
    this.#deletes = this.random.next() < 0.3
    this.#producers = [1, 2, 3, 4].map((i) => ({
      id: i * 1000 + this.random.integer(1000),
      version: i % 2 === 0 ? 2 : 1,
      epoch: 0,
      sequence: 0,
      open: false,
    }))
    this.#disk = new SimDisk({ pause: this.#held.pause })
  }

  async open(after: Stop): Promise<void> {
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
    if (after === 'new') await this.#createTopic()
    else this.#take(after)
    this.#verify(`after ${after}`)
  }

  async work(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const dice = this.random.next()
      if (dice < 0.15) this.#appendPlain()
      else if (dice < 0.55) this.#appendData()
      else if (dice < 0.75) this.#end()
      else if (dice < 0.78 && this.#deletes) this.#deleteRecords()
      else if (dice < 0.96) await this.#release()
      else await this.#restart()
      this.#expectStable('while it works')
    }
    this.#verify('while it works')
  }

  async crash(): Promise<void> {
    const kind = this.random.next() < 0.7 ? 'power cut' : 'kill'
    this.#process++
    for (let turns = this.random.integer(4); turns > 0; turns--) await turn()
    this.#disk = kind === 'kill' ? this.#disk.kill() : this.#disk.crash(this.random.integer(2 ** 31))
    this.#held.forget()
    await this.#damageSideFiles()
    await this.open(kind)
  }

  async #createTopic(): Promise<void> {
    const configs = new Map([
      ['segment.bytes', String(1200 + this.random.integer(2000))],
      ['index.interval.bytes', String(this.random.integer(500))],
    ])
    await this.#finish(this.#directory!.createTopic({ name: topic, partitions: 1, configs }))
  }

  get #log(): PartitionLog {
    const log = this.#directory?.partition(topic, 0)
    if (log !== undefined) return log
    throw new LawBroken(`the partition is gone: ${this.#directory?.offline(topic, 0)?.message ?? 'it is not known'}`)
  }

  get #end_(): number {
    return (this.#history.at(-1)?.last ?? -1) + 1
  }

  #appendPlain(): void {
    const batch = this.#batch(undefined)
    this.#note(batch, this.#log.append(batch), { kind: 'plain', producerId: -1, epoch: -1, sequence: -1 })
  }

  #appendData(): void {
    const producer = this.#anyProducer()
    const last = this.#history.findLast((each) => each.producerId === producer.id && each.kind !== 'plain')
    if (last?.kind === 'data' && last.epoch === producer.epoch && this.random.next() < 0.15) {
      this.#expectDuplicate(last)
      return
    }
    const batch = this.#batch(producer)
    const { epoch, sequence } = producer
    const appended = this.#log.append(batch, producer.open ? {} : { transactionVersion: producer.version })
    producer.open = true
    producer.sequence = appended.lastOffset - appended.baseOffset + 1 + sequence
    this.#note(batch, appended, { kind: 'data', producerId: producer.id, epoch, sequence })
  }

  #end(): void {
    const producer = this.#anyProducer()
    const { version } = producer
    if (this.random.next() < 0.1) this.#coordinatorEpoch++
    const commit = this.random.next() < 0.5
    const epoch = version === 2 ? producer.epoch + 1 : producer.epoch
    const marker = { producerId: producer.id, producerEpoch: epoch, coordinatorEpoch: this.#coordinatorEpoch, commit }
    this.#expectFenced(producer)
    const { baseOffset: base } = this.#log.appendMarker({ ...marker, transactionVersion: version })
    if (epoch !== producer.epoch) producer.sequence = 0
    producer.epoch = epoch
    producer.open = false
    const kind = commit ? 'commit' : 'abort'
    this.#append({ base, last: base, kind, producerId: producer.id, epoch, sequence: -1, body: undefined })
  }

  #deleteRecords(): void {
    const before = offset(this.random.integer(this.#end_ + 1))
    const process = this.#process
    this.#askedStart = Math.max(this.#askedStart, before)
    void this.#log.deleteRecords(before).then(
      () => {
        if (process === this.#process) this.#startedAt = Math.max(this.#startedAt, before)
      },
      () => {},
    )
  }

  #note(
    batch: ValidBatch,
    appended: { readonly baseOffset: number; readonly lastOffset: number },
    of: Pick<Written, 'kind' | 'producerId' | 'epoch' | 'sequence'>,
  ): void {
    const body = Buffer.from(batch.subarray(16))
    this.#append({ ...of, base: appended.baseOffset, last: appended.lastOffset, body })
  }

  #append(written: Written): void {
    if (written.base !== this.#end_) {
      throw new LawBroken(`the append got offset ${written.base}, the log ended at ${this.#end_}`)
    }
    this.#history.push(written)
    if (this.random.next() >= 0.5) return
    const process = this.#process
    const upTo = written.last + 1
    void this.#log.synced(offset(upTo)).then(
      () => {
        if (process === this.#process) this.#syncedTo = Math.max(this.#syncedTo, upTo)
      },
      () => {},
    )
  }

  #release(): Promise<void> {
    return this.#held.endSome(this.random, 4)
  }

  async #restart(): Promise<void> {
    await this.#finish(this.#directory!.close())
    this.#syncedTo = this.#end_
    this.#process++
    await this.#damageSideFiles()
    await this.open('clean')
  }

  /** What may be lost between two runs without a record being lost: recovery makes it anew. */
  async #damageSideFiles(): Promise<void> {
    if (this.#deletes || this.random.next() < 0.5) return
    const directory = `${path}/${topic}-0`
    for (const name of this.#disk.list(directory)) {
      const isSnapshot = name.endsWith('.snapshot')
      if (!/\.(snapshot|index|timeindex|txnindex)$/.test(name) || this.random.next() < 0.6) continue
      const file = `${directory}/${name}`
      if (isSnapshot && this.random.next() < 0.7) flipByte(this.#disk, file, this.random)
      else if (name.endsWith('.txnindex')) shorten(this.#disk, file)
      else this.#disk.remove(file)
    }
    await this.#finish(this.#disk.syncDirectory(directory))
  }

  #finish<T>(promise: Promise<T>): Promise<T> {
    const process = this.#process
    return this.#held.settled(promise, () => process === this.#process)
  }

  /** What the start has kept must hold all that was promised; from here on it is the history. */
  #take(after: Stop): void {
    const log = this.#log
    const promised = after === 'power cut' ? this.#syncedTo : this.#end_
    if (log.highWatermark < promised) {
      throw new LawBroken(`after ${after}: acknowledged up to ${promised}, the log ends at ${log.highWatermark}`)
    }
    if (log.logStart < this.#startedAt || log.logStart > this.#askedStart) {
      throw new LawBroken(
        `after ${after}: it starts at ${log.logStart}, not in [${this.#startedAt}, ${this.#askedStart}]`,
      )
    }
    this.#history = this.#history.filter((written) => written.last < log.highWatermark)
    if (this.#end_ !== log.highWatermark) throw new LawBroken(`after ${after}: the log ends inside a batch`)
    this.#startedAt = log.logStart
    this.#askedStart = log.logStart
    this.#syncedTo = Math.max(promised, log.syncedTo)
    for (const producer of this.#producers) this.#recall(producer)
  }

  /** Producers go on where the log says they are, as they would after asking the coordinator. */
  #recall(producer: Producer): void {
    const own = this.#history.filter((each) => each.producerId === producer.id)
    const last = own.at(-1)
    producer.open = transactionsOf(own).some((each) => each.end === undefined)
    producer.epoch = last?.epoch ?? producer.epoch
    const data = own.findLast((each) => each.kind === 'data' && each.epoch === producer.epoch)
    producer.sequence = data === undefined ? 0 : data.sequence + data.last - data.base + 1
  }

  #expectStable(when: string): void {
    const log = this.#log
    const expected = lastStableOf(this.#history, log.logStart, this.#end_)
    if (log.lastStable === expected && log.tail.lastStable === expected) return
    throw new LawBroken(`${when}: the last stable offset is ${log.lastStable}, not ${expected}`)
  }

  #verify(when: string): void {
    this.#expectStable(when)
    const log = this.#log
    for (const producer of this.#producers) {
      const known = transactionsOf(this.#history).find((each) => {
        return each.producerId === producer.id && each.end === undefined
      })
      const found = log.openTransaction(producer.id)
      if (found?.firstOffset !== known?.first) {
        throw new LawBroken(`${when}: the open transaction begins at ${found?.firstOffset}, not ${known?.first}`)
      }
    }
    for (const from of [log.logStart, log.logStart + this.random.integer(this.#end_ - log.logStart + 1)]) {
      this.#verifyCommitted(from, when)
    }
  }

  /** Reads as a read_committed consumer does, and compares with what the model says was committed. */
  #verifyCommitted(from: number, when: string): void {
    const log = this.#log
    const expected = committedOf(this.#history, log.lastStable).filter((written) => written.last >= from)
    const seen = readCommitted(log, from, () => 1 + this.random.integer(3000))
    for (const [i, batch] of seen.entries()) {
      const wanted = expected[i]
      if (wanted === undefined || wanted.base !== baseOffset(batch)) {
        const instead = wanted === undefined ? 'nothing' : `the batch at ${wanted.base}`
        throw new LawBroken(
          `${when}: a reader from ${from} sees the batch at ${baseOffset(batch)} instead of ${instead}`,
        )
      }
      if (!batch.subarray(16).equals(wanted.body!)) throw new LawBroken(`${when}: the bytes at ${wanted.base} differ`)
    }
    const missed = expected[seen.length]
    if (missed !== undefined) throw new LawBroken(`${when}: a reader from ${from} misses the batch at ${missed.base}`)
  }

  /** The producer's last batch, sent again. */
  #expectDuplicate(sent: Written): void {
    const again = Buffer.concat([Buffer.alloc(16), sent.body!])
    again.writeInt32BE(again.length - 12, 8)
    const [batch] = openBatches(again, { source: 'again', position: 0 })
    const appended = this.#log.append(batch!)
    if (appended.duplicate && appended.baseOffset === sent.base) return
    throw new LawBroken(`a batch sent again got offset ${appended.baseOffset}, not ${sent.base}`)
  }

  /** An epoch that has passed is refused, also when only a snapshot remembers it. */
  #expectFenced(producer: Producer): void {
    const known = this.#history.some((each) => each.producerId === producer.id)
    if (!known || producer.epoch === 0 || this.random.next() < 0.7) return
    try {
      this.#log.append(this.#batch({ ...producer, epoch: producer.epoch - 1, sequence: 0 }), {
        transactionVersion: producer.version,
      })
    } catch (error) {
      if (codeOf(error) === 'INVALID_PRODUCER_EPOCH') return
    }
    throw new LawBroken(`producer ${producer.id} wrote with epoch ${producer.epoch - 1} after ${producer.epoch}`)
  }

  #anyProducer(): Producer {
    return this.#producers[this.random.integer(this.#producers.length)]!
  }

  #batch(producer: Producer | undefined): ValidBatch {
    const builder = new BatchBuilder()
    for (let i = 1 + this.random.integer(3); i > 0; i--) {
      const value = Buffer.alloc(this.random.integer(300), this.random.integer(256))
      builder.append(startMs + this.random.integer(1000), Buffer.from([i]), bytesOut, value, bytesOut, null)
    }
    if (producer === undefined) return builder.build()
    const { id, epoch, sequence } = producer
    return builder.build({ producerId: id, producerEpoch: epoch, baseSequence: sequence, transactional: true })
  }
}

/** Data batches as a client hands them on: aborted ranges and markers left out. */
function readCommitted(log: PartitionLog, from: number, bytesMax: () => number): ValidBatch[] {
  const seen: ValidBatch[] = []
  for (let at = from; at < log.lastStable; ) {
    const read = log.read(offset(at), bytesMax(), 'read_committed')
    const waiting = [...read.aborted].sort((a, b) => a.firstOffset - b.firstOffset)
    const aborted = new Set<number>()
    const batches = openBatches(read.bytes, { source: 'read', position: 0 })
    if (batches.length === 0) throw new LawBroken(`offset ${at} cannot be read`)
    for (const batch of batches) {
      while (waiting[0] !== undefined && waiting[0].firstOffset <= lastOffset(batch)) {
        aborted.add(waiting.shift()!.producerId)
      }
      if (isControl(batch)) {
        if (readControl(batch)?.type === 'abort') aborted.delete(producerId(batch))
      } else if (!aborted.has(producerId(batch))) seen.push(batch)
      at = lastOffset(batch) + 1
    }
  }
  return seen
}

function flipByte(disk: SimDisk, path: string, random: SimRandom): void {
  const file = disk.open(path, 'write')
  if (file.size() === 0) return
  const at = random.integer(file.size())
  const byte = Buffer.alloc(1)
  file.read(byte, 0, 1, at)
  byte[0] = byte[0]! ^ (1 << random.integer(8))
  file.write(byte, 0, 1, at)
}

function shorten(disk: SimDisk, path: string): void {
  const file = disk.open(path, 'write')
  file.truncate(Math.max(0, file.size() - 1))
}
