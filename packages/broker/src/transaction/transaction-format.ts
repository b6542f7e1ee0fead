import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter, kafkaError, TopicPartitionMap } from '@millrace/kernel'
import { type Transaction, type TransactionVersion, transactionStates } from './transaction.ts'

/**
 * Records of `__transaction_state` (transaction-coordinator/src/main/resources/common/message/TransactionLogKey.json,
 * TransactionLogValue.json). A null value takes the id away.
 *
 *   key      0 int16 | transactionalId string16
 *   value 0  0 int16 | producerId int64 | epoch int16 | timeoutMs int32 | status int8
 *            | topics int32 (-1: none) × { topic string16 | partitions int32 × int32 } | updateMs int64 | startMs int64
 *   value 1  the same in the compact form, with tags: 0 previousProducerId int64 | 1 nextProducerId int64
 *            | 2 transactionVersion int16 | 10000 ends: uvarint × int64
 *
 * `ends` is our own, and only in a decision: for each partition, in the record's order, the end of its log when the
 * decision was made. A transaction that is found open there after a crash is the decided one when it began below, and
 * a later one otherwise. Kafka steps over tags it does not know.
 */
const keyVersion = 0
const tag = { previousProducerId: 0, nextProducerId: 1, transactionVersion: 2, ends: 10_000 } as const

export function encodeTransactionKey(transactionalId: string): Buffer {
  const out = new ByteWriter(64).int16(keyVersion)
  string16(out, transactionalId)
  return out.take()
}

/** undefined for a key of another kind. */
export function decodeTransactionKey(bytes: Buffer): string | undefined {
  const reader = new ByteReader(bytes)
  return reader.int16() === keyVersion ? reader.utf8(reader.int16()) : undefined
}

/** @param flexible version 1; without it version 0, which Kafka writes while `transaction.version` is 0. */
export function encodeTransaction(transaction: Transaction, flexible: boolean): Buffer {
  const { partitions, state } = transaction
  const topics = new Map<string, number[]>()
  for (const [{ topic, partition }] of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition])
  const out = new ByteWriter(128).int16(flexible ? 1 : 0)
  out.int64(transaction.producerId).int16(transaction.epoch).int32(transaction.timeoutMs)
  out.int8(transactionStates.indexOf(state))
  if (state === 'Empty') flexible ? out.uvarint(0) : out.int32(-1)
  else writeTopics(out, topics, flexible)
  out.int64(transaction.updateMs).int64(transaction.startMs)
  if (flexible) writeTags(out, transaction)
  return out.take()
}

function writeTopics(out: ByteWriter, topics: ReadonlyMap<string, readonly number[]>, flexible: boolean): void {
  count(out, topics.size, flexible)
  for (const [topic, ids] of topics) {
    if (flexible) compactString(out, topic)
    else string16(out, topic)
    count(out, ids.length, flexible)
    for (const id of ids) out.int32(id)
    if (flexible) out.uvarint(0)
  }
}

function writeTags(
  out: ByteWriter,
  { previousProducerId, nextProducerId, version, partitions, state }: Transaction,
): void {
  const ends = state === 'PrepareCommit' || state === 'PrepareAbort' ? [...partitions.values()] : []
  const hasTag = [previousProducerId !== -1, nextProducerId !== -1, version !== 0, ends.length > 0]
  out.uvarint(hasTag.filter(Boolean).length)
  if (previousProducerId !== -1) out.uvarint(tag.previousProducerId).uvarint(8).int64(previousProducerId)
  if (nextProducerId !== -1) out.uvarint(tag.nextProducerId).uvarint(8).int64(nextProducerId)
  if (version !== 0) out.uvarint(tag.transactionVersion).uvarint(2).int16(version)
  if (ends.length === 0) return
  const own = new ByteWriter(16).uvarint(ends.length)
  for (const end of ends) own.int64(end)
  const bytes = own.take()
  out.uvarint(tag.ends).uvarint(bytes.length).raw(bytes)
}

/** The ends of a decision by Kafka, or of version 0, are not known: `Infinity`. @throws CORRUPT_MESSAGE */
export function decodeTransaction(transactionalId: string, bytes: Buffer): Transaction {
  const reader = new ByteReader(bytes)
  const form = reader.int16()
  if (form !== 0 && form !== 1) throw kafkaError('CORRUPT_MESSAGE', 'transaction record', `Its version is ${form}.`)
  const flexible = form === 1
  const producerId = reader.int64()
  const epoch = reader.int16()
  const timeoutMs = reader.int32()
  const status = reader.int8()
  const state = transactionStates[status]
  if (state === undefined) throw kafkaError('CORRUPT_MESSAGE', 'transaction record', `Its status is ${status}.`)
  const partitions = readTopics(reader, flexible)
  const updateMs = reader.int64()
  const startMs = reader.int64()
  const tags = flexible ? readTags(reader, partitions) : noTags
  return { transactionalId, producerId, epoch, lastEpoch: -1, timeoutMs, state, partitions, updateMs, startMs, ...tags }
}

const noTags = { previousProducerId: -1, nextProducerId: -1, version: 0 } as const

function readTopics(reader: ByteReader, flexible: boolean): TopicPartitionMap<number> {
  const partitions = new TopicPartitionMap<number>()
  for (let topics = readCount(reader, flexible); topics > 0; topics--) {
    const topic = reader.utf8(flexible ? reader.uvarint() - 1 : reader.int16())
    for (let ids = readCount(reader, flexible); ids > 0; ids--) {
      partitions.set(topic, reader.int32(), Number.POSITIVE_INFINITY)
    }
    if (flexible) skipTags(reader)
  }
  return partitions
}

function readTags(reader: ByteReader, partitions: TopicPartitionMap<number>) {
  let previousProducerId = -1
  let nextProducerId = -1
  let version: TransactionVersion = 0
  for (let tags = reader.uvarint(); tags > 0; tags--) {
    const id = reader.uvarint()
    const field = new ByteReader(reader.slice(reader.uvarint()))
    if (id === tag.previousProducerId) previousProducerId = field.int64()
    else if (id === tag.nextProducerId) nextProducerId = field.int64()
    else if (id === tag.transactionVersion) version = versionOf(field.int16())
    else if (id === tag.ends) readEnds(field, partitions)
  }
  return { previousProducerId, nextProducerId, version }
}

function readEnds(field: ByteReader, partitions: TopicPartitionMap<number>): void {
  const at = [...partitions].map(([each]) => each)
  const total = field.uvarint()
  if (total !== at.length) throw kafkaError('CORRUPT_MESSAGE', 'transaction record', `It has ${total} ends.`)
  for (const { topic, partition } of at) partitions.set(topic, partition, field.int64())
}

function versionOf(number: number): TransactionVersion {
  return number >= 2 ? 2 : number === 1 ? 1 : 0
}

function skipTags(reader: ByteReader): void {
  for (let tags = reader.uvarint(); tags > 0; tags--) {
    reader.uvarint()
    reader.skip(reader.uvarint())
  }
}

function count(out: ByteWriter, size: number, flexible: boolean): void {
  if (flexible) out.uvarint(size + 1)
  else out.int32(size)
}

function readCount(reader: ByteReader, flexible: boolean): number {
  return flexible ? reader.uvarint() - 1 : reader.int32()
}

function string16(out: ByteWriter, text: string): void {
  const at = out.reserve(2)
  out.utf8(text)
  out.bytes.writeInt16BE(out.position - at - 2, at)
}

function compactString(out: ByteWriter, text: string): void {
  out.uvarint(Buffer.byteLength(text) + 1).utf8(text)
}
