import { deepEqual, equal, ok } from 'node:assert/strict'
import type { LineProcess } from '../line-process.ts'
import type { Case } from './cases.ts'
import type { World } from './world.ts'

interface Line {
  readonly partitions?: readonly number[]
  readonly partition?: number
  readonly value?: string
}

function linesOf(member: LineProcess): readonly Line[] {
  return member.lines as readonly Line[]
}

function partitionsOf(member: LineProcess): readonly number[] {
  return linesOf(member).findLast((line) => line.partitions !== undefined)?.partitions ?? []
}

function valuesOf(member: LineProcess): string[] {
  return linesOf(member).flatMap((line) => line.value ?? [])
}

/** Resolves when the members' partitions, taken together, are all of them, each held once. */
async function settled(members: readonly LineProcess[], partitions: number): Promise<void> {
  const whole = (): boolean => {
    const held = members.flatMap(partitionsOf)
    return (
      held.length === partitions && new Set(held).size === partitions && members.every((m) => partitionsOf(m).length)
    )
  }
  await eventually(members, whole)
}

async function eventually(members: readonly LineProcess[], done: () => boolean): Promise<void> {
  if (done()) return
  const abandoned = new AbortController()
  await Promise.race(members.map((member) => member.until(() => abandoned.signal.aborted || done())))
  abandoned.abort()
}

async function sendToAll(world: World, topic: string, partitions: number, values: readonly string[]): Promise<void> {
  const producer = await world.producer()
  const messages = values.map((value, i) => ({ value, partition: i % partitions }))
  await producer.send({ topic, messages })
}

const numbered = (word: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${word} ${i}`)

export const consumeCases: Readonly<Record<string, Case>> = {
  'consume: three processes share a group, and one killed is replaced': async (world) => {
    const partitions = 6
    const topic = await world.topic(partitions)
    const groupId = world.name('group')
    const members = [0, 1, 2].map(() => world.member(groupId, topic))
    await settled(members, partitions)

    const before = numbered('before', 60)
    await sendToAll(world, topic, partitions, before)
    const all = (): string[] => [...new Set(members.flatMap(valuesOf))].sort()
    await eventually(members, () => all().length === before.length)
    ok(members.every((member) => valuesOf(member).length > 0))

    const [killed, ...survivors] = members
    await killed?.kill()
    const after = numbered('after', 60)
    await sendToAll(world, topic, partitions, after)
    await eventually(survivors, () => all().length === before.length + after.length)
    await settled(survivors, partitions)
    deepEqual(all(), [...before, ...after].sort())
    const inherited = survivors.flatMap(valuesOf).filter((value) => value.startsWith('after'))
    deepEqual([...new Set(inherited)].sort(), after.sort())
  },

  'consume: a commit holds, and a group resumes after its broker was killed': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, ['a', 'b', 'c'])
    deepEqual(
      (await world.take(topic, 3, groupId)).map((record) => record.value),
      ['a', 'b', 'c'],
    )
    await world.tidy()

    await world.broker.kill()
    await world.broker.start()
    await world.send(topic, ['d'])
    const [next] = await world.take(topic, 1, groupId)
    deepEqual({ offset: next?.offset, value: next?.value }, { offset: 3, value: 'd' })
    deepEqual(
      (await world.take(topic, 4)).map((record) => record.value),
      ['a', 'b', 'c', 'd'],
    )
  },

  'consume: a running consumer goes on when its broker is back': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a'])
    const consumer = await world.consumer(world.name('group'), { sessionTimeout: 6000, heartbeatInterval: 500 })
    await consumer.subscribe({ topic, fromBeginning: true })
    const got: string[] = []
    let wake = (): void => {}
    await consumer.run({
      eachMessage: async ({ message }) => {
        got.push(`${message.value}`)
        wake()
      },
    })
    const until = async (value: string): Promise<void> => {
      while (!got.includes(value)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    await until('a')
    await world.broker.kill()
    await world.broker.start()
    await world.send(topic, ['b'])
    await until('b')
  },

  'consume: in batches, with seek and pause': async (world) => {
    const topic = await world.topic(1)
    const values = numbered('v', 100)
    await world.send(topic, values)
    const consumer = await world.consumer(world.name('group'))
    await consumer.subscribe({ topic, fromBeginning: true })
    const got: string[] = []
    let sought = false
    await new Promise<void>((resolve, reject) => {
      const run = consumer.run({
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          equal(batch.highWatermark, '100')
          for (const message of batch.messages) got.push(`${message.value}`)
          if (sought && got.length >= 10) {
            consumer.pause([{ topic }])
            resolve()
          } else if (!sought) {
            sought = true
            got.length = 0
            consumer.seek({ topic, partition: 0, offset: '90' })
          }
        },
      })
      run.catch(reject)
    })
    deepEqual(got.slice(-10), values.slice(90))
    deepEqual(consumer.paused(), [{ topic, partitions: [0] }])
  },

  'consume: from the end only what is new': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['old'])
    const consumer = await world.consumer(world.name('group'))
    await consumer.subscribe({ topic, fromBeginning: false })
    const got: string[] = []
    const fetched = new Promise<void>((resolve) => {
      consumer.on(consumer.events.FETCH, () => resolve())
    })
    const first = new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { value: unknown } }): Promise<void> => {
        got.push(`${message.value}`)
        resolve()
      }
      consumer.run({ eachMessage }).catch(reject)
    })
    await fetched
    await world.send(topic, ['new'])
    await first
    deepEqual(got, ['new'])
  },
}
