import { type Admin, type Consumer, cooperativeStickyAssignor, createClient, type Producer } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'
import { intercepted } from './intercepted-transport.ts'

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

const small = 1_000
const value = 'x'.repeat(small)

/** Calls of a producer; `full`: a record that fills its buffer is on its way before. */
const ofProducer: Readonly<Record<string, { readonly full: boolean; call(producer: Producer): Call }>> = {
  'open of a topic': { full: false, call: (producer) => (signal) => producer.open('orders', { signal }) },
  'send before its topic is known': {
    full: false,
    call: (producer) => (signal) => producer.send({ ...at, value: 'given up' }, { signal }),
  },
  'send that waits for room': {
    full: true,
    call: (producer) => (signal) => producer.send({ ...at, value: 'given up' }, { signal }),
  },
  drained: { full: true, call: (producer) => (signal) => producer.drained({ signal }) },
  flush: { full: true, call: (producer) => (signal) => producer.flush({ signal }) },
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

  it.each(Object.entries(ofProducer))(
    'ends %s of a producer, and nothing that was given up is written',
    async (...given) => {
      const [, { full, call }] = given
      const producer = cluster.client().producer({ bufferBytesMax: small })
      if (full) await producer.open('orders')
      let filling: Promise<unknown> = Promise.resolve()
      await ends((signal) => {
        if (full) filling = producer.send({ ...at, value })
        return call(producer)(signal)
      })
      await filling
      await producer.send({ ...at, value: 'last' })
      expect(await written()).toEqual(full ? ['there', value, 'last'] : ['there', 'last'])
    },
  )

  it('ends the wait for an acknowledgement alone: the record is written all the same', async () => {
    const producer = cluster.client().producer()
    await producer.open('orders')
    await ends((signal) => producer.send({ ...at, value: 'not waited for' }, { signal }))
    await producer.flush()
    expect(await written()).toEqual(['there', 'not waited for'])
  })

  it('ends the close of a producer, which is closed', async () => {
    const producer = cluster.client().producer({ bufferBytesMax: small })
    await producer.open('orders')
    let sent: Promise<unknown> = Promise.resolve()
    await ends((signal) => {
      sent = producer.send({ ...at, value })
      sent.catch(() => undefined)
      return producer.close({ signal })
    })
    await expect(sent).rejects.toMatchObject({ code: 'STATE' })
    await expect(producer.send({ ...at, value })).rejects.toMatchObject({ code: 'STATE' })
  })

  async function written(): Promise<(string | null)[]> {
    const consumer = cluster.client().consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([at])
    const end = (await consumer.endOffsets([at])).get('orders', 0) ?? offset(0)
    const values: (string | null)[] = []
    while ((consumer.position(at) ?? 0) < end) {
      for (const record of recordsOf(await consumer.poll())) values.push(record.value)
    }
    return values
  }

  it('ends a poll that commits before a revocation, which the next poll goes on with', async () => {
    const events: string[] = []
    const consumer = cluster
      .client()
      .consumer({ groupId: 'g', autoOffsetReset: 'earliest', autoCommitIntervalMs: 600_000 })
    consumer.subscribe(['orders'], {
      onAssigned: () => void events.push('assigned'),
      onRevoked: () => void events.push('revoked'),
      onLost: () => void events.push('lost'),
    })
    while ((await consumer.poll()).length === 0);
    consumer.requestRejoin()
    await ends((signal) => consumer.poll({ signal }))
    expect(events).toEqual(['assigned'])
    expect(consumer.assignment()).toEqual([at])
    while (events.length < 3) await consumer.poll({ timeoutMs: 10 })
    expect(events).toEqual(['assigned', 'revoked', 'assigned'])
    expect((await consumer.committed([at])).get('orders', 0)?.offset).toBe(1)
  })

  it('ends the close of a consumer, which is closed', async () => {
    const events: string[] = []
    const consumer = cluster
      .client()
      .consumer({ groupId: 'g', autoOffsetReset: 'earliest', autoCommitIntervalMs: 600_000 })
    consumer.subscribe(['orders'], { onRevoked: () => void events.push('revoked') })
    while ((await consumer.poll()).length === 0);
    const { network } = cluster
    network.silent = true
    const met = network.met()
    const controller = new AbortController()
    const closing = consumer.close({ signal: controller.signal })
    await met
    controller.abort()
    await closing
    expect(events).toEqual(['revoked'])
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'CLOSED' })
    network.silent = false
    network.cut()
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

describe('a poll that is given up in the middle of a cooperative round', () => {
  let cluster: ClusterUnderTest
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start('loopback')
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 2 }])
  })
  afterEach(() => cluster.stop())

  it('leaves the round to the next poll, and its hooks too', async () => {
    const held = new AbortController()
    const committing = new AbortController()
    const fired = ({ signal }: AbortController) => {
      return new Promise<void>((resolve) => {
        if (signal.aborted) resolve()
        else signal.addEventListener('abort', () => resolve())
      })
    }
    const transport = intercepted(cluster.engine.loopback(), async (api, send) => {
      if (api === 'offsetCommit') {
        committing.abort()
        await fired(held)
      }
      return send()
    })
    await using client = createClient({ transport, ports: cluster.ports })
    const assignors = [cooperativeStickyAssignor()]
    const options = { groupId: 'g', assignors, autoCommitIntervalMs: 600_000, heartbeatIntervalMs: 10 }
    const first = client.consumer({ ...options, autoOffsetReset: 'earliest' })
    const events: string[] = []
    first.subscribe(['orders'], { onRevoked: (gone) => void events.push(`${gone.length} revoked`) })
    while (first.assignment().length < 2 || first.position(at) === undefined) await first.poll({ timeoutMs: 10 })
    const second = cluster.client().consumer(options)
    second.subscribe(['orders'])
    const joining = (async () => {
      while (second.assignment().length === 0) await second.poll({ timeoutMs: 10 })
    })()
    const controller = new AbortController()
    const polling = (async () => {
      for (;;) await first.poll({ timeoutMs: 10, signal: controller.signal })
    })()
    await fired(committing)
    controller.abort()
    await expect(polling).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(first.poll({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(events).toEqual([])
    expect(first.assignment()).toHaveLength(2)
    held.abort()
    while (second.assignment().length === 0) await first.poll({ timeoutMs: 10 })
    await joining
    expect(events).toEqual(['1 revoked'])
    expect(first.assignment()).toHaveLength(1)
  })
})

it('one signal for many sends is not taken for a leak', async () => {
  const cluster = await ClusterUnderTest.start('loopback')
  await cluster
    .client()
    .admin()
    .createTopics([{ name: 'orders' }])
  const warnings: Error[] = []
  const warn = (warning: Error) => warnings.push(warning)
  process.on('warning', warn)
  const producer = cluster.client().producer()
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 50 }, (_, i) => producer.send({ topic: 'orders', value: `${i}` }, { signal })))
  await producer.close()
  await cluster.stop()
  process.removeListener('warning', warn)
  expect(warnings).toEqual([])
})
