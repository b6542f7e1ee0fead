import { deepEqual, equal, ok } from 'node:assert/strict'
import { Notes } from '../notes.ts'
import type { Case } from './cases.ts'
import type { World } from './world.ts'

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`)

async function committed(world: World, groupId: string, topic: string): Promise<string | undefined> {
  const admin = await world.admin()
  return (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset
}

/** Waits until the group has committed an offset of partition 0. */
async function untilCommitted(world: World, groupId: string, topic: string, offset: string): Promise<void> {
  while ((await committed(world, groupId, topic)) !== offset) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** What a program does with messages: commits, positions, pauses, failures. */
export const runCases: Readonly<Record<string, Case>> = {
  'run: headers come as they were sent, those of one name in an array': async (world) => {
    const topic = await world.topic(1)
    const producer = await world.producer()
    const headers = { one: 'a', bytes: Buffer.from([1, 2]), many: ['x', Buffer.from('y')] }
    await producer.send({ topic, messages: [{ value: 'v', headers, timestamp: '1700000000000' }] })
    const notes = new Notes<object>()
    const consumer = await world.consumer(world.name('group'))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => notes.add(message) })
    const [message] = await notes.until(1)
    const { timestamp, offset, key, value, headers: got, attributes } = message as Record<string, unknown>
    deepEqual([timestamp, offset, key, attributes], ['1700000000000', '0', null, 0])
    ok(Buffer.isBuffer(value))
    const y = [Buffer.from('x'), Buffer.from('y')]
    deepEqual({ ...(got as object) }, { one: Buffer.from('a'), bytes: Buffer.from([1, 2]), many: y })
  },

  'run: without auto-commit only what the program commits is committed': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, numbered(10))
    const consumer = await world.consumer(groupId)
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => notes.add(message.offset) })
    await notes.until(10)
    equal(await committed(world, groupId, topic), '-1')
    await consumer.commitOffsets([{ topic, partition: 0, offset: '4', metadata: 'halfway' }])
    const admin = await world.admin()
    const [row] = await admin.fetchOffsets({ groupId, topics: [topic] })
    deepEqual(row?.partitions, [{ partition: 0, offset: '4', metadata: 'halfway' }])
    await consumer.disconnect()
    deepEqual(
      (await world.take(topic, 6, groupId)).map((record) => record.value),
      ['4', '5', '6', '7', '8', '9'],
    )
  },

  'run: a threshold commits in the middle of a batch': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, numbered(10))
    const consumer = await world.consumer(groupId)
    const commits = new Notes<string>()
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { partitions } of payload.topics) for (const { offset } of partitions) commits.add(offset)
    })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ autoCommitThreshold: 4, eachMessage: async () => {} })
    deepEqual(await commits.until(3), ['4', '8', '10'])
  },

  'run: eachBatch resolves what it has done, and the rest comes again': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, numbered(6))
    const consumer = await world.consumer(groupId)
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const batches = new Notes<string[]>()
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({
        batch,
        resolveOffset,
        heartbeat,
        commitOffsetsIfNecessary,
        uncommittedOffsets,
        isRunning,
      }) => {
        ok(isRunning())
        equal(batch.isEmpty(), false)
        equal(batch.lastOffset(), '5')
        equal(batch.offsetLag(), '0')
        const done = batch.messages.slice(0, 2)
        for (const message of done) resolveOffset(message.offset)
        await heartbeat()
        await commitOffsetsIfNecessary(uncommittedOffsets())
        batches.add(done.map((message) => `${message.value}`))
      },
    })
    deepEqual(await batches.until(3), [
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
    ])
    await untilCommitted(world, groupId, topic, '6')
  },

  'run: seek goes on elsewhere, once it is running and before': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, numbered(5))
    const consumer = await world.consumer(world.name('group'), { maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    const running = consumer.run({ eachMessage: async ({ message }) => notes.add(message.offset) })
    consumer.seek({ topic, partition: 0, offset: '3' })
    await running
    deepEqual(await notes.until(2), ['3', '4'])
    consumer.seek({ topic, partition: 0, offset: '1' })
    deepEqual(await notes.until(6), ['3', '4', '1', '2', '3', '4'])
  },

  'run: what is paused in eachMessage stays where it is until it is resumed': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, numbered(5))
    const consumer = await world.consumer(world.name('group'), { maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    const resumes = new Notes<() => void>()
    await consumer.run({
      eachMessage: async ({ message, pause }) => {
        notes.add(message.offset)
        if (message.offset === '1') resumes.add(pause())
      },
    })
    const [resume] = await resumes.until(1)
    deepEqual(consumer.paused(), [{ topic, partitions: [0] }])
    deepEqual(notes.all, ['0', '1'])
    resume?.()
    deepEqual(consumer.paused(), [])
    deepEqual(await notes.until(5), ['0', '1', '2', '3', '4'])
  },

  'run: a message that fails comes again, and what was done before it does not': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, numbered(4))
    const consumer = await world.consumer(groupId)
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    let failures = 0
    await consumer.run({
      eachMessage: async ({ message }) => {
        notes.add(message.offset)
        if (message.offset === '2' && failures++ < 2) throw new Error('not yet')
      },
    })
    deepEqual(await notes.until(6), ['0', '1', '2', '2', '2', '3'])
    await untilCommitted(world, groupId, topic, '4')
  },

  'run: one that fails for good crashes the consumer, which starts again': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['poison'])
    const consumer = await world.consumer(world.name('group'), { retry: { retries: 2, initialRetryTime: 20 } })
    const { KafkaJSNumberOfRetriesExceeded } = world.library
    const crashes = new Notes<{ error: Error; restart: boolean }>()
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.add(payload))
    const joins = new Notes<string>()
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.add(payload.groupProtocol))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    await consumer.run({
      eachMessage: async ({ message }) => {
        notes.add(message.offset)
        if (notes.all.length <= 3) throw new Error('poison')
      },
    })
    const [crash] = await crashes.until(1)
    ok(crash?.error instanceof KafkaJSNumberOfRetriesExceeded)
    deepEqual(
      [crash.error.name, crash.error.message, crash.restart],
      ['KafkaJSNumberOfRetriesExceeded', 'poison', true],
    )
    equal((crash.error.cause as Error).message, 'poison')
    equal((await notes.until(4)).length, 4)
    equal((await joins.until(2)).length, 2)
  },

  'run: a fault in the program is not tried again': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['v'])
    const consumer = await world.consumer(world.name('group'))
    const { KafkaJSNonRetriableError } = world.library
    const crashes = new Notes<{ error: Error; restart: boolean }>()
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.add(payload))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        throw new TypeError('a fault')
      },
    })
    const [crash] = await crashes.until(1)
    ok(crash?.error instanceof KafkaJSNonRetriableError)
    deepEqual([crash.error.message, crash.restart], ['a fault', false])
  },

  'run: restartOnFailure decides whether it starts again': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['v'])
    const asked = new Notes<string>()
    const consumer = await world.consumer(world.name('group'), {
      retry: {
        retries: 1,
        initialRetryTime: 20,
        restartOnFailure: async (error) => {
          asked.add(error.name)
          return false
        },
      },
    })
    const crashes = new Notes<{ restart: boolean }>()
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.add(payload))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        throw new Error('no')
      },
    })
    equal((await crashes.until(1))[0]?.restart, false)
    deepEqual(asked.all, ['KafkaJSNumberOfRetriesExceeded'])
  },

  'run: it stops between two messages, and runs again where it was': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, numbered(10))
    const consumer = await world.consumer(world.name('group'), { maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const notes = new Notes<string>()
    const stops = new Notes<Promise<void>>()
    const eachMessage = async ({ message }: { message: { offset: string } }): Promise<void> => {
      notes.add(message.offset)
      if (message.offset === '3') stops.add(consumer.stop())
    }
    await consumer.run({ eachMessage })
    await (await stops.until(1))[0]
    deepEqual(notes.all, ['0', '1', '2', '3'])
    await consumer.run({ eachMessage })
    deepEqual(await notes.until(10), numbered(10))
  },

  'run: partitions at the same time, as many as are asked for': async (world) => {
    const topic = await world.topic(3)
    const producer = await world.producer()
    await producer.send({ topic, messages: [0, 1, 2].map((partition) => ({ partition, value: `${partition}` })) })
    const consumer = await world.consumer(world.name('group'))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const inside = new Notes<number>()
    let release = (): void => {}
    const together = new Promise<void>((resolve) => {
      release = resolve
    })
    await consumer.run({
      partitionsConsumedConcurrently: 3,
      eachMessage: async ({ partition }) => {
        inside.add(partition)
        await together
      },
    })
    deepEqual((await inside.until(3)).toSorted(), [0, 1, 2])
    release()
  },

  'run: topics by pattern, and each from where it is to begin': async (world) => {
    const prefix = world.name('pattern')
    const admin = await world.admin()
    const topics = [`${prefix}-a`, `${prefix}-b`]
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 1 })), waitForLeaders: true })
    for (const topic of topics) await world.send(topic, [topic])
    const consumer = await world.consumer(world.name('group'))
    await consumer.subscribe({ topics: [new RegExp(`^${prefix}-`)], fromBeginning: true })
    const notes = new Notes<string>()
    await consumer.run({ eachMessage: async ({ message }) => notes.add(`${message.value}`) })
    deepEqual((await notes.until(2)).toSorted(), topics)
  },
}
