import { clientContract } from './clients/client-contract.ts'

clientContract('client-admin', {
  both: {
    'the life of a topic': async (session, client) => {
      const admin = await client.admin()
      const topic = session.name('orders')
      session.note('created', await admin.createTopic(topic, 3))
      await session.ready(topic)
      session.note('created again', await admin.createTopic(topic, 3))
      session.note('partitions', await admin.partitions(topic))
      session.note('listed', await admin.hasTopic(topic))
      await admin.deleteTopic(topic)
      await session.eventually('it is gone', async () => !(await admin.hasTopic(topic)))
      session.note('deleted again', await client.refusal(admin.deleteTopic(topic)))
      session.note('created anew', await admin.createTopic(topic, 1))
      await session.ready(topic)
      session.note('partitions anew', await admin.partitions(topic))
      session.note('empty', await admin.offsets(topic, 'latest'))
    },

    'topics that are refused': async (session, client) => {
      const admin = await client.admin()
      const topic = session.name('orders')
      session.note('-7 partitions', await client.refusal(admin.createTopic(topic, -7)))
      session.note('a config that is none', await client.refusal(admin.createTopic(topic, 1, { colour: 'red' })))
      const soon = admin.createTopic(topic, 1, { 'retention.ms': 'soon' })
      session.note('a value that is none', await client.refusal(soon))
      session.note('none of them is there', await admin.hasTopic(topic))
    },

    'partitions are added, and never taken away': async (session, client) => {
      const admin = await client.admin()
      const topic = await session.topic('orders', { partitions: 2 })
      await admin.addPartitions(topic, 4)
      await session.eventually('there are four', async () => (await admin.partitions(topic)).length === 4)
      session.note('partitions', await admin.partitions(topic))
      session.note('fewer', await client.refusal(admin.addPartitions(topic, 3)))
      session.note('as many', await client.refusal(admin.addPartitions(topic, 4)))
    },

    'configs of a topic': async (session, client) => {
      const admin = await client.admin()
      const topic = await session.topic('orders', { configs: { 'cleanup.policy': 'compact' } })
      session.note('given', await admin.config(topic, 'cleanup.policy'))
      session.note('of the server', await admin.config(topic, 'retention.ms'))
      await admin.setConfig(topic, 'retention.ms', '5000')
      await session.eventually('it is set', async () => (await admin.config(topic, 'retention.ms')) === '5000')
      session.note('out of range', await client.refusal(admin.setConfig(topic, 'retention.ms', '-2')))
      session.note('no config', await client.refusal(admin.setConfig(topic, 'colour', 'red')))
      const nothing = admin.setConfig(session.name('nothing'), 'retention.ms', '5000')
      session.note('no topic', await client.refusal(nothing))
    },

    'offsets by place and by time': async (session, client) => {
      const admin = await client.admin()
      const topic = await session.topic('orders', { partitions: 2 })
      const producer = await client.producer()
      for (const i of [0, 1, 2, 3]) {
        await producer.send(topic, [{ partition: i % 2, value: `${i}`, timestampMs: session.time(i * 100) }])
      }
      session.note('earliest', await admin.offsets(topic, 'earliest'))
      session.note('latest', await admin.offsets(topic, 'latest'))
      session.note('at the second record', await admin.offsets(topic, session.time(100)))
      session.note('between', await admin.offsets(topic, session.nowMs + 150))
      session.note('past the last', await admin.offsets(topic, session.nowMs + 1_000_000))
    },

    'records are deleted up to an offset': async (session, client) => {
      const admin = await client.admin()
      const topic = await session.topic('orders')
      const producer = await client.producer()
      for (const value of ['a', 'b', 'c', 'd']) await producer.send(topic, [{ value }])
      await admin.deleteRecords(topic, { 0: 2 })
      session.note('start', await admin.offsets(topic, 'earliest'))
      session.note(
        'left',
        (await client.read(topic, 2)).map(({ offset, value }) => [offset, value]),
      )
      session.note('past the end', await client.refusal(admin.deleteRecords(topic, { 0: 9 })))
      await admin.deleteRecords(topic, { 0: -1 })
      session.note('all', await admin.offsets(topic, 'earliest'))
      await producer.send(topic, [{ value: 'e' }])
      session.note(
        'and on',
        (await client.read(topic, 1)).map(({ offset, value }) => [offset, value]),
      )
    },

    'the cluster': async (session, client) => {
      session.note('described', await (await client.admin()).cluster())
    },
  },

  ours: {
    'checked, and not made': async (session, client) => {
      const admin = client.client.admin()
      const name = session.name('orders')
      const validateOnly = true
      session.note('good', await admin.createTopics([{ name, partitions: 2 }], { validateOnly }))
      const bad = admin.createTopics([{ name, configs: { colour: 'red' } }], { validateOnly })
      session.note('bad', await client.refusal(bad))
      session.note('there', (await admin.listTopics()).includes(name))
    },

    'the newest record': async (session, { client }) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const producer = client.producer()
      for (const [value, deltaMs] of [
        ['a', 10],
        ['b', 90],
        ['c', 50],
      ] as const) {
        await producer.send({ topic, partition: 0, value, timestampMs: session.time(deltaMs) })
      }
      const asked = [0, 1].map((partition) => ({ topic, partition }))
      const found = await client.admin().listOffsets(asked, 'max-timestamp')
      session.note(
        'offsets',
        [...found].map(([at, offset]) => [at.partition, offset]),
      )
    },

    'what lies on disk': async (session, { client }) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const producer = client.producer()
      await producer.send({ topic, partition: 1, value: 'x', timestampMs: session.time() })
      const all = (await client.admin().describeLogDirs()).flatMap(({ partitions }) => partitions)
      const own = all.filter((each) => each.topic === topic).toSorted((a, b) => a.partition - b.partition)
      session.note(
        'own',
        own.map(({ partition, bytes, offsetLag, future }) => ({ partition, bytes, offsetLag, future })),
      )
    },

    'who writes': async (session, { client }) => {
      const topic = await session.topic('orders')
      const producer = client.producer()
      for (const value of ['a', 'b', 'c']) await producer.send({ topic, partition: 0, value })
      const writers = await client.admin().describeProducers([{ topic, partition: 0 }])
      const described = writers.get(topic, 0)?.map(({ producerId: _, lastTimestampMs: __, ...told }) => told)
      session.note('writers', described)
    },

    'what a server without security says': async (session, client) => {
      const admin = client.client.admin()
      session.note('ACLs', await client.refusal(admin.describeAcls()))
      session.note('a user that is none', await client.refusal(admin.describeScramUsers([session.name('nobody')])))
    },

    'a topic that is not there': async (session, client) => {
      session.note('described', await client.client.admin().describeTopics([session.name('nothing')]))
    },
  },
})
