import { deepEqual, ok } from 'node:assert/strict'
import type { Case, Running, World } from './world.ts'

const partitions = 2

interface Told {
  readonly partition: number
  readonly offset: number
  readonly value: number
}

/** What a scenario has said of records; librdkafka's own remarks on a broker that is away are not of them. */
function told(running: Running): Told[] {
  return running.lines.all.flatMap((line) => {
    const [, partition, offset, value] = /^(\d+) (\d+) (\d+)$/.exec(line) ?? []
    return value === undefined ? [] : [{ partition: Number(partition), offset: Number(offset), value: Number(value) }]
  })
}

/** Kills the broker in the middle of the load, so many times; each time so much more must get through. */
async function killedUnderLoad(world: World, times: number, all: readonly Running[]): Promise<void> {
  const through = (more: number) => Promise.all(all.map(({ lines }) => lines.until(lines.all.length + more)))
  for (let i = 0; i < times; i++) {
    await through(400)
    await world.broker.kill()
    await world.broker.start()
  }
  await through(400)
}

/** Until each member holds one partition: a record of a partition that moves is told by two of them, in no order. */
async function settled(members: readonly Running[]): Promise<void> {
  const holds = ({ lines }: Running) => lines.all.findLast((line) => line.startsWith('holds '))
  while (!members.every((member) => holds(member) === 'holds 1'))
    await Promise.race(members.map(({ lines }) => lines.until(lines.all.length + 1)))
}

/** Of one partition, as `<offset> <value>`, in the order it was told. */
const of = (records: readonly Told[], partition: number): string[] =>
  records.flatMap((record) => (record.partition === partition ? [`${record.offset} ${record.value}`] : []))

async function stored(world: World, topic: string, partition: number): Promise<string[]> {
  const args = ['-C', '-t', topic, '-p', `${partition}`, '-e', '-q', '-f', '%o %s\\n']
  return world.kcat(args)
}

/** The broker dies (kill -9) and comes back while clients work. */
export const outlastCases: Readonly<Record<string, Case>> = {
  'client: an idempotent producer outlasts its broker: every record once, in order': async (world) => {
    const topic = await world.topic(partitions)
    const writer = world.startClient('write', topic, `${partitions}`)
    await killedUnderLoad(world, 3, [writer])
    await writer.stop()
    const acknowledged = told(writer)
    ok(acknowledged.length >= 1600)
    for (const partition of [0, 1]) {
      const own = await stored(world, topic, partition)
      deepEqual(own, of(acknowledged, partition))
      const numbers = own.map((line) => Number(line.split(' ')[1]))
      deepEqual(
        numbers,
        numbers.map((_, i) => i * partitions + partition),
      )
    }
  },

  'client: a group outlasts its broker: every record once, in order': async (world) => {
    const topic = await world.topic(partitions)
    const group = world.name('group')
    const members = [0, 1].map(() => world.startClient('follow', topic, group))
    await settled(members)
    const writer = world.startClient('write', topic, `${partitions}`)
    await killedUnderLoad(world, 3, [writer, ...members])
    await writer.stop()
    const acknowledged = told(writer)
    const read = () => members.reduce((sum, member) => sum + told(member).length, 0)
    while (read() < acknowledged.length)
      await Promise.race(members.map(({ lines }) => lines.until(lines.all.length + 1)))
    for (const member of members) await member.stop()
    const all = members.flatMap(told)
    for (const partition of [0, 1]) deepEqual(of(all, partition), of(acknowledged, partition))
  },
}
