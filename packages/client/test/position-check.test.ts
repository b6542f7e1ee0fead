import type { Client, Consumer } from '@millrace/client'
import { offset } from '@millrace/kernel'
import { type ApiName, fill, type RequestOf } from '@millrace/protocol/internal'
import { BatchBuilder, bytesOut } from '@millrace/record/internal'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScriptedCluster } from './transaction/scripted-cluster.ts'

const at = { topic: 'out', partition: 0 }

/** Five records, from an offset that is a multiple of five on. */
function batch(baseOffset: number, leaderEpoch: number): Buffer {
  const builder = new BatchBuilder()
  for (let i = 0; i < 5; i++) builder.append(0, null, bytesOut, Buffer.from([i]), bytesOut, null)
  return builder.build({ baseOffset, leaderEpoch })
}

let cluster: ScriptedCluster
let client: Client
let consumer: Consumer
/** In order of their offsets. */
let log: Buffer[]
/** Ends the wait of a fetch that waits. */
let answerFetch: (() => void) | undefined
/** Where epoch 0 ends. */
let end: number

beforeEach(() => {
  cluster = new ScriptedCluster()
  log = [batch(0, 0)]
  answerFetch = undefined
  end = 5
  cluster.answers.set('listOffsets', listOffsets)
  cluster.answers.set('fetch', fetch)
  cluster.answers.set('offsetForLeaderEpoch', epochEnds)
  client = cluster.client()
  consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([at])
})
afterEach(() => cluster.stop())

function listOffsets(): unknown {
  const row = { partitionIndex: at.partition, offset: 0 }
  return fill('listOffsets', 'response', { topics: [{ name: at.topic, partitions: [row] }] })
}

/** What a fetch finds, a batch at a time; without any it waits for `answerFetch`. */
async function fetch(request: unknown): Promise<unknown> {
  const { fetchOffset } = (request as RequestOf<'fetch'>).topics[0]!.partitions[0]!
  const index = Math.floor(Number(fetchOffset) / 5)
  if (log[index] === undefined) {
    await new Promise<void>((resolve) => {
      answerFetch = resolve
    })
  }
  const highWatermark = log.length * 5
  const records = log[index] ?? null
  const row = { partitionIndex: at.partition, highWatermark, lastStableOffset: highWatermark, records }
  return fill('fetch', 'response', { responses: [{ topic: at.topic, partitions: [row] }] })
}

/** As a broker answers it: no epoch is asked about, none is known. */
function epochEnds(request: unknown): unknown {
  const { partition, leaderEpoch } = (request as RequestOf<'offsetForLeaderEpoch'>).topics[0]!.partitions[0]!
  const row = leaderEpoch < 0 ? { partition } : { partition, leaderEpoch, endOffset: end }
  return fill('offsetForLeaderEpoch', 'response', { topics: [{ topic: at.topic, partitions: [row] }] })
}

/** Where the batches that are given out begin, until there are so many of them. */
async function read(batches: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < batches) {
    for (const { from } of await cluster.settled(consumer.poll())) taken.push(from)
  }
  return taken
}

/** There is another leader epoch, and the client has learnt of it. */
async function elect(): Promise<void> {
  cluster.leaderEpoch = 1
  cluster.fate('produce', 'NOT_LEADER_OR_FOLLOWER')
  const before = count('metadata')
  await cluster.settled(client.producer().send({ ...at, value: 'v' }))
  await cluster.until(() => count('metadata') > before)
  await turns()
}

const count = (api: ApiName) => cluster.asked.filter((asked) => asked.api === api).length

/** The first batch is read, and the fetch behind it waits. */
async function readFirst(): Promise<void> {
  expect(await read(1)).toEqual([0])
  await cluster.until(() => answerFetch !== undefined)
}

/** Lets all that is under way go on, but for what is held. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await cluster.clock.advance(1)
}

describe('a position under a new leader epoch', () => {
  it('is not fetched from while it is checked, though a fetch waited for its connection when the epoch came', async () => {
    await readFirst()
    cluster.disconnect()
    const connection = cluster.holdConnection()
    answerFetch?.()
    await cluster.until(connection.isWanted)
    await elect()
    cluster.fate('offsetForLeaderEpoch', 'held')
    const next = read(2)
    await cluster.until('offsetForLeaderEpoch')
    log.push(batch(5, 1), batch(10, 1))
    connection.release()
    await turns()
    expect(count('fetch')).toBe(2)
    cluster.answer()
    expect(await next).toEqual([5, 10])
  })

  it('that a fetch under way has moved on is not taken back by the answer about where it stood', async () => {
    await readFirst()
    await elect()
    cluster.fate('offsetForLeaderEpoch', 'held')
    const next = read(1)
    await cluster.until('offsetForLeaderEpoch')
    log.push(batch(5, 1))
    answerFetch?.()
    expect(await next).toEqual([5])
    cluster.answer()
    await turns()
    log.push(batch(10, 1))
    answerFetch?.()
    expect(await read(1)).toEqual([10])
  })

  it('that is sought while the check waits for its connection is where reading goes on', async () => {
    log.push(batch(5, 0), batch(10, 0))
    expect(await read(3)).toEqual([0, 5, 10])
    await elect()
    end = 15
    cluster.disconnect()
    const connection = cluster.holdConnection()
    const next = read(1)
    await cluster.until(connection.isWanted)
    consumer.seek(at, offset(10))
    connection.release()
    expect(await next).toEqual([10])
  })
})
