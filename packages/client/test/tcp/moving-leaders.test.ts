import type { Buffer } from 'node:buffer'
import { errorTable, offset } from '@millrace/kernel'
import { type RequestOf, zeroUuid } from '@millrace/protocol/internal'
import { BatchBuilder } from '@millrace/record/internal'
import { afterEach, expect, test } from 'vitest'
import type { Client, Consumer } from '../../src/index.ts'
import { clientOf, metadataOf, ScriptedBroker, topicId } from './scripted-brokers.ts'

const brokers: ScriptedBroker[] = []
const clients: Client[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const broker of brokers.splice(0)) await broker.stop()
})

async function broker(nodeId: number): Promise<ScriptedBroker> {
  const started = await ScriptedBroker.start(nodeId)
  brokers.push(started)
  return started
}

function client(...bootstrap: readonly ScriptedBroker[]): Client {
  const made = clientOf(...bootstrap)
  clients.push(made)
  return made
}

const at = { topic: 't', partition: 0 }

/** Polls until something is there, and tells how many batches. */
async function firstOf(consumer: Consumer): Promise<number> {
  for (;;) {
    const batches = await consumer.poll({ timeoutMs: 100 })
    if (batches.length > 0) return batches.length
  }
}

const notLeader = errorTable.NOT_LEADER_OR_FOLLOWER.wire

function batch(value: string): Buffer {
  const builder = new BatchBuilder({})
  builder.append(1, null, { write: () => {} }, value, { write: (text, out) => void out.utf8(text) }, null)
  return builder.build()
}

/** The one partition of a fetch, or none when the session has nothing new. */
function fetched(row: object) {
  const partition = { partitionIndex: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: 0, ...row }
  return { responses: [{ topic: 't', topicId, partitions: [partition] }] }
}

const produced = ({ topicData }: RequestOf<'produce'>, row: object) => ({
  responses: topicData.map(({ name, topicId: id }) => ({
    name,
    topicId: id,
    partitionResponses: [{ index: 0, baseOffset: 0, ...row }],
  })),
})

test('when no broker that is known answers, the addresses of the beginning are tried again (KIP-899)', async () => {
  const [one, other] = [await broker(1), await broker(2)]
  one.answers = { metadata: () => metadataOf([one], one) }
  const admin = client(one, other).admin()
  expect((await admin.listTopics()).length).toBe(1)
  expect(other.asked).toEqual([])
  other.answers = { metadata: () => metadataOf([other], other) }
  await one.stop()
  brokers.splice(brokers.indexOf(one), 1)
  expect((await admin.listTopics()).length).toBe(1)
  expect(new Set(other.asked)).toEqual(new Set(['metadata']))
})

test('a producer goes to the leader that the refusal names, and asks nobody (KIP-951)', async () => {
  const [old, fresh] = [await broker(1), await broker(2)]
  old.answers = {
    metadata: () => metadataOf([old], old), // it has not heard of the new broker
    initProducerId: () => ({ producerId: 7, producerEpoch: 0 }),
    produce: (request) => ({
      ...produced(request, { errorCode: notLeader, currentLeader: { leaderId: 2, leaderEpoch: 2 } }),
      nodeEndpoints: [fresh.address],
    }),
  }
  fresh.answers = { produce: (request) => produced(request, { baseOffset: 5 }) }
  const producer = client(old).producer()
  const sent = await producer.send({ topic: 't', value: 'x' })
  expect(sent.offset).toBe(offset(5))
  expect(fresh.asked).toEqual(['produce'])
  expect(old.asked.slice(old.asked.indexOf('produce') + 1)).toEqual([])
})

test('a consumer goes to the leader that the refusal names, and asks nobody (KIP-951)', async () => {
  const [old, fresh] = [await broker(1), await broker(2)]
  old.answers = {
    metadata: () => metadataOf([old], old),
    fetch: () => ({
      ...fetched({ errorCode: notLeader, currentLeader: { leaderId: 2, leaderEpoch: 2 } }),
      nodeEndpoints: [fresh.address],
    }),
    offsetForLeaderEpoch: () => ({}),
  }
  fresh.answers = { fetch: () => fetched({ records: batch('from the new leader') }) }
  const consumer = client(old).consumer({})
  consumer.assign([at])
  consumer.seek(at, offset(0))
  expect(await firstOf(consumer)).toBe(1)
  expect(fresh.asked[0]).toBe('fetch')
  expect(old.asked.slice(old.asked.indexOf('fetch') + 1)).toEqual([])
})

test('a consumer reads where it is sent to, and goes back to the leader when that fails (KIP-392)', async () => {
  const [leader, near] = [await broker(1), await broker(2)]
  const racks: string[] = []
  const readers: number[] = []
  let nearFails = false
  leader.answers = {
    metadata: () => metadataOf([leader, near], leader),
    fetch: ({ rackId }) => {
      racks.push(rackId)
      readers.push(1)
      return nearFails ? fetched({ records: batch('by the leader') }) : fetched({ preferredReadReplica: 2 })
    },
  }
  near.answers = {
    fetch: () => {
      readers.push(2)
      nearFails = true
      return fetched({ errorCode: errorTable.OFFSET_OUT_OF_RANGE.wire })
    },
  }
  const consumer = client(leader).consumer({ rackId: 'here' })
  consumer.assign([at])
  consumer.seek(at, offset(0))
  expect(await firstOf(consumer)).toBe(1)
  expect(readers.slice(0, 3)).toEqual([1, 2, 1])
  expect(new Set(racks)).toEqual(new Set(['here']))
  expect(topicId).not.toBe(zeroUuid)
})
