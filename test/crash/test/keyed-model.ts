import type { Buffer } from 'node:buffer'
import { offset } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import {
  BatchCursor,
  baseOffset,
  isControl,
  isTransactional,
  lastOffset,
  openBatches,
  producerId,
  readControl,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'
import { LawBroken } from './law-broken.ts'

/** A record as it was sent. */
export interface SentRecord {
  readonly offset: number
  readonly key: string
  /** null: a tombstone. */
  readonly value: string | null
  readonly timestampMs: number
}

/** A batch as it was sent, or the marker of a transaction. */
export interface SentBatch {
  readonly base: number
  readonly last: number
  readonly bytes: number
  readonly records: readonly SentRecord[]
  readonly producer: { readonly id: number; readonly epoch: number; readonly sequence: number } | undefined
  readonly transactional: boolean
  /** Of a marker. */
  readonly commits: boolean | undefined
  /** As it was handed to the log, for sending it again. */
  readonly body: Buffer | undefined
}

type Fate = 'decided' | 'aborted' | 'open'

/** What is promised about a keyed partition, and the slow obvious way to see whether it is kept. */
export class KeyedModel {
  readonly topic: string
  readonly compacted: boolean
  readonly retentionMs: number | undefined
  readonly retentionBytes: number | undefined
  sent: SentBatch[] = []
  /** Acknowledged at acks=all, and at acks=1. */
  syncedTo = 0
  writtenTo = 0
  /** Asked for by DeleteRecords. */
  askedStart = 0
  /** Of what the last crash took: retention had counted it. */
  #lostBytes = 0
  /** Tombstones may be gone, by the rules that the log has. */
  readonly deleteRetentionMs: number

  constructor(
    topic: string,
    rules: { compacted: boolean; retentionMs?: number; retentionBytes?: number; deleteRetentionMs: number },
  ) {
    this.topic = topic
    this.compacted = rules.compacted
    this.retentionMs = rules.retentionMs
    this.retentionBytes = rules.retentionBytes
    this.deleteRetentionMs = rules.deleteRetentionMs
  }

  /** After a crash: what is behind the end never was. */
  cutTo(end: number): void {
    this.#lostBytes = this.#bytesFrom(end)
    this.sent = this.sent.filter((batch) => batch.last < end)
    this.writtenTo = end
  }

  openTransactions(): SentBatch[] {
    const open = new Map<number, SentBatch>()
    for (const batch of this.sent) {
      const id = batch.producer?.id ?? -1
      if (batch.commits !== undefined) open.delete(id)
      else if (batch.transactional && !open.has(id)) open.set(id, batch)
    }
    return [...open.values()]
  }

  /** @throws LawBroken */
  check(log: PartitionLog, at: string, nowMs: number, step: () => number): void {
    const fates = this.#fates()
    const mayGo = this.#removable(fates, nowMs)
    this.#checkStart(log, mayGo, at, nowMs)
    const found = readAll(log, at, step)
    this.#checkRecords(found, log, mayGo, at)
    this.#checkTable(found, log, fates, at)
    this.#checkCommitted(log, fates, at, step)
  }

  #fates(): Map<SentBatch, Fate> {
    const fates = new Map<SentBatch, Fate>()
    const open = new Map<number, SentBatch[]>()
    for (const batch of this.sent) {
      const id = batch.producer?.id ?? -1
      if (batch.commits !== undefined) {
        for (const each of open.get(id) ?? []) fates.set(each, batch.commits ? 'decided' : 'aborted')
        open.delete(id)
        fates.set(batch, 'decided')
      } else if (batch.transactional) {
        fates.set(batch, 'open')
        open.set(id, [...(open.get(id) ?? []), batch])
      } else fates.set(batch, 'decided')
    }
    return fates
  }

  /** Only what was asked for, or what retention may take, lies below the log start. */
  #checkStart(log: PartitionLog, mayGo: ReadonlySet<number>, at: string, nowMs: number): void {
    if (log.logStart <= this.askedStart) return
    const { retentionMs, retentionBytes } = this
    const gone = this.sent.filter((batch) => batch.last >= this.askedStart && batch.base < log.logStart)
    const bySize = retentionBytes !== undefined && this.#bytesFrom(log.logStart) + this.#lostBytes >= retentionBytes
    for (const { records } of gone) {
      const isOld = ({ timestampMs }: SentRecord) => retentionMs !== undefined && nowMs - timestampMs > retentionMs
      // What a cleaner took keeps no segment.
      const young = records.find((record) => !isOld(record) && !mayGo.has(record.offset))
      if (young !== undefined && !bySize) throw new LawBroken(`${at}: ${young.offset} was deleted before its time`)
    }
    this.askedStart = log.logStart
  }

  #bytesFrom(start: number): number {
    return this.sent.reduce((sum, batch) => (batch.base >= start ? sum + batch.bytes : sum), 0)
  }

  /** Offsets that a cleaner may have taken. */
  #removable(fates: Map<SentBatch, Fate>, nowMs: number): Set<number> {
    const mayGo = new Set<number>()
    if (!this.compacted) return mayGo
    const lastOf = new Map<string, number>()
    for (const batch of this.sent) {
      if (fates.get(batch) !== 'decided') continue
      for (const record of batch.records) lastOf.set(record.key, record.offset)
    }
    for (const batch of this.sent) {
      for (const { key, value, offset: at, timestampMs } of batch.records) {
        const superseded = (lastOf.get(key) ?? -1) > at
        const expired = value === null && timestampMs + this.deleteRetentionMs < nowMs
        if (superseded || expired || fates.get(batch) === 'aborted') mayGo.add(at)
      }
    }
    return mayGo
  }

  /** In order, as they were sent, at their offsets; and what is missing is missing by right. */
  #checkRecords(found: Map<number, SentRecord>, log: PartitionLog, mayGo: ReadonlySet<number>, at: string): void {
    let matched = 0
    for (const batch of this.sent) {
      for (const record of batch.records) {
        const got = found.get(record.offset)
        if (got !== undefined) {
          matched++
          if (got.key !== record.key || got.value !== record.value || got.timestampMs !== record.timestampMs) {
            throw new LawBroken(`${at}: the record at ${record.offset} is another one`)
          }
          continue
        }
        if (record.offset < log.logStart || mayGo.has(record.offset)) continue
        throw new LawBroken(`${at}: ${record.key} at ${record.offset} is lost`)
      }
    }
    if (matched !== found.size) throw new LawBroken(`${at}: ${found.size - matched} records were never sent`)
  }

  /** Whoever replays the log has the table that was written. */
  #checkTable(found: Map<number, SentRecord>, log: PartitionLog, fates: Map<SentBatch, Fate>, at: string): void {
    const wanted = new Map<string, string>()
    const replayed = new Map<string, string>()
    for (const batch of this.sent) {
      if (fates.get(batch) !== 'decided') continue
      for (const record of batch.records) {
        if (record.offset >= log.logStart) put(wanted, record)
        const got = found.get(record.offset)
        if (got !== undefined && record.offset >= log.logStart) put(replayed, got)
      }
    }
    for (const key of new Set([...wanted.keys(), ...replayed.keys()])) {
      if (wanted.get(key) === replayed.get(key)) continue
      throw new LawBroken(`${at}: ${key} is ${replayed.get(key)}, it was set to ${wanted.get(key)}`)
    }
  }

  /** A read_committed reader sees what is decided and nothing that was aborted. */
  #checkCommitted(log: PartitionLog, fates: Map<SentBatch, Fate>, at: string, step: () => number): void {
    const all = readAll(log, at, step)
    const seen = readCommitted(log, at, step)
    for (const batch of this.sent) {
      for (const record of batch.records) {
        if (!all.has(record.offset)) continue
        const wanted = fates.get(batch) === 'decided' && record.offset < log.lastStable
        if (seen.has(record.offset) === wanted) continue
        throw new LawBroken(`${at}: ${record.offset} is ${fates.get(batch)}, seen ${seen.has(record.offset)}`)
      }
    }
    const open = this.openTransactions()[0]?.base
    const lastStable = open === undefined ? log.highWatermark : Math.max(open, log.logStart)
    if (log.lastStable !== lastStable) {
      throw new LawBroken(`${at}: the last stable offset is ${log.lastStable}, not ${lastStable}`)
    }
  }
}

function put(table: Map<string, string>, record: SentRecord): void {
  if (record.value === null) table.delete(record.key)
  else table.set(record.key, record.value)
}

function readAll(log: PartitionLog, at: string, step: () => number): Map<number, SentRecord> {
  const found = new Map<number, SentRecord>()
  let next: number = log.logStart
  while (next < log.highWatermark) {
    const batches = batchesAt(log, next, step(), 'read_uncommitted', at).batches
    if (batches.length === 0) throw new LawBroken(`${at}: nothing is read at ${next}, the end is ${log.highWatermark}`)
    for (const batch of batches) {
      if (lastOffset(batch) < next) throw new LawBroken(`${at}: ${baseOffset(batch)} is read after ${next}`)
      if (!isControl(batch)) addRecords(batch, log.logStart, found, at)
      next = lastOffset(batch) + 1
    }
  }
  return found
}

function readCommitted(log: PartitionLog, at: string, step: () => number): Map<number, SentRecord> {
  const seen = new Map<number, SentRecord>()
  let next: number = log.logStart
  while (next < log.lastStable) {
    const { batches, aborted } = batchesAt(log, next, step(), 'read_committed', at)
    if (batches.length === 0)
      throw new LawBroken(`${at}: nothing is read at ${next}, it is stable to ${log.lastStable}`)
    const waiting = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
    const skipped = new Set<number>()
    for (const batch of batches) {
      while (waiting.length > 0 && waiting[0]!.firstOffset <= lastOffset(batch))
        skipped.add(waiting.shift()!.producerId)
      if (isControl(batch)) {
        if (recordCount(batch) > 0 && readControl(batch)?.type === 'abort') skipped.delete(producerId(batch))
      } else if (!isTransactional(batch) || !skipped.has(producerId(batch))) addRecords(batch, log.logStart, seen, at)
      next = lastOffset(batch) + 1
    }
  }
  return seen
}

function batchesAt(
  log: PartitionLog,
  from: number,
  bytesMax: number,
  isolation: 'read_uncommitted' | 'read_committed',
  at: string,
): { readonly batches: ValidBatch[]; readonly aborted: ReturnType<PartitionLog['read']>['aborted'] } {
  try {
    const { bytes, aborted } = log.read(offset(from), bytesMax, isolation)
    return { batches: openBatches(bytes, { source: at, position: 0 }), aborted }
  } catch (error) {
    throw new LawBroken(`${at}: offset ${from} cannot be read: ${String(error)}`)
  }
}

const cursor = new BatchCursor()

function addRecords(batch: ValidBatch, from: number, to: Map<number, SentRecord>, at: string): void {
  cursor.open(batch)
  while (cursor.next()) {
    const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
    if (cursor.offset < from) continue
    if (to.has(cursor.offset)) throw new LawBroken(`${at}: ${cursor.offset} is read twice`)
    to.set(cursor.offset, {
      offset: cursor.offset,
      key: bytes.toString('latin1', keyFrom, keyTo),
      value: valueFrom < 0 ? null : bytes.toString('latin1', valueFrom, valueTo),
      timestampMs: cursor.timestampMs,
    })
  }
  cursor.release()
}
