import type { Admin, Consumer, Producer } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'

const at = { topic: 'orders', partition: 0 }

function positions() {
  const map = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
  map.set('orders', 0, { offset: offset(1), leaderEpoch: -1, metadata: '' })
  return map
}

function map<V>(value: V): TopicPartitionMap<V> {
  const one = new TopicPartitionMap<V>()
  one.set('orders', 0, value)
  return one
}

type Call = (signal: AbortSignal) => Promise<unknown>

const ofConsumer: Readonly<Record<string, (consumer: Consumer) => Call>> = {
  poll: (consumer) => (signal) => consumer.poll({ timeoutMs: 600_000, signal }),
  commit: (consumer) => (signal) => consumer.commit(positions(), { signal }),
  committed: (consumer) => (signal) => consumer.committed([at], { signal }),
  endOffsets: (consumer) => (signal) => consumer.endOffsets([at], { signal }),
  offsetsForTimes: (consumer) => (signal) => consumer.offsetsForTimes(map(5), { signal }),
  seekToEnd: (consumer) => (signal) => consumer.seekToEnd([at], { signal }),
}

const ofAdmin: Readonly<Record<string, (admin: Admin) => Call>> = {
  createTopics: (admin) => (signal) => admin.createTopics([{ name: 'more' }], { signal }),
  deleteTopics: (admin) => (signal) => admin.deleteTopics(['none'], { signal }),
  createPartitions: (admin) => (signal) => admin.createPartitions('orders', 2, { signal }),
  describeTopics: (admin) => (signal) => admin.describeTopics(['orders'], { signal }),
  listTopics: (admin) => (signal) => admin.listTopics({ signal }),
  topicConfigs: (admin) => (signal) => admin.topicConfigs('orders', { signal }),
  alterTopicConfigs: (admin) => (signal) => admin.alterTopicConfigs('orders', { 'retention.ms': '5' }, { signal }),
  listOffsets: (admin) => (signal) => admin.listOffsets([at], 'latest', { signal }),
  deleteRecords: (admin) => (signal) => admin.deleteRecords(map(offset(0)), { signal }),
  groupOffsets: (admin) => (signal) => admin.groupOffsets('g', { signal }),
  describeGroups: (admin) => (signal) => admin.describeGroups(['g'], { signal }),
  describeCluster: (admin) => (signal) => admin.describeCluster({ signal }),
}

const ofTransactions: Readonly<Record<string, (producer: Producer) => Promise<Call>>> = {
  initTransactions: async (producer) => (signal) => producer.initTransactions({ signal }),
  commitTransaction: async (producer) => {
    await begun(producer)
    return (signal) => producer.commitTransaction({ signal })
  },
  abortTransaction: async (producer) => {
    await begun(producer)
    return (signal) => producer.abortTransaction({ signal })
  },
  sendOffsets: async (producer) => {
    await begun(producer)
    const outsider = { groupId: 'g', generation: -1, memberId: '', groupInstanceId: null }
    return (signal) => producer.sendOffsets(positions(), outsider, { signal })
  },
}

async function begun(producer: Producer): Promise<void> {
  await producer.initTransactions()
  producer.beginTransaction()
  await producer.send({ ...at, value: 'there' })
}

describe.each(['refuses', 'is silent'] as const)('while the network %s, an abort signal', (how) => {
  let cluster: HostileCluster
  beforeEach(async () => {
    cluster = await HostileCluster.start()
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    await client.producer().send({ ...at, value: 'there' })
  })
  afterEach(() => cluster.stop())

  /** The call ends at once, with the signal's reason; and works once there is a network again. */
  async function ends(call: Call): Promise<void> {
    const { network } = cluster
    if (how === 'refuses') {
      network.refusing = true
      network.cut()
    } else network.silent = true
    const controller = new AbortController()
    const reason = new Error('enough')
    const ending = call(controller.signal)
    const outcome = Promise.race([
      ending.then(
        () => 'done',
        (error) => error,
      ),
      network.met().then(() => 'under way'),
    ])
    expect(await outcome).toBe('under way')
    controller.abort(reason)
    await expect(ending).rejects.toMatchObject({ code: 'ABORTED' })
    network.refusing = false
    network.silent = false
    network.cut()
  }

  it.each(Object.keys(ofConsumer))('ends %s of a consumer', async (name) => {
    const consumer = cluster.client().consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
    consumer.assign([at])
    if (name === 'poll') while ((await consumer.poll()).length === 0);
    await ends(ofConsumer[name]!(consumer))
    consumer.seek(at, offset(0))
    let records = 0
    while (records === 0) records += recordsOf(await consumer.poll()).length
    await consumer.close()
  })

  it.each(Object.keys(ofAdmin))('ends %s of an admin', async (name) => {
    const admin = cluster.client().admin()
    await ends(ofAdmin[name]!(admin))
    expect(await admin.listTopics()).toContain('orders')
  })

  it.each(Object.keys(ofTransactions))('ends %s, which is called again', async (name) => {
    const producer = cluster.client().producer({ transactionalId: 'x' })
    const call = await ofTransactions[name]!(producer)
    await ends(call)
    if (name === 'sendOffsets') await producer.abortTransaction()
    else await call(new AbortController().signal)
    producer.beginTransaction()
    await producer.send({ ...at, value: 'more' })
    await producer.commitTransaction()
  })
})
