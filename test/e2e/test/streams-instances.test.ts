import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AppStatus } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type InputRecord, StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
const children: ChildProcessWithoutNullStreams[] = []
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
  await room.close()
})

/** A process that runs the application, as its last status tells. */
class Instance {
  readonly child: ChildProcessWithoutNullStreams
  status: AppStatus | undefined
  errors = ''

  constructor(state: string, threads = 1) {
    const program = fileURLToPath(new URL('./streams-instance.mjs', import.meta.url))
    this.child = spawn(process.execPath, [program, room.address, join(room.directory, state), String(threads)])
    children.push(this.child)
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.status = JSON.parse(line) as AppStatus
    })
    this.child.stderr.on('data', (text) => {
      this.errors += text
    })
  }

  get tasks(): readonly string[] {
    return this.status?.state === 'running' ? this.status.threads.flatMap((thread) => thread.tasks) : []
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.stdin.write('stop\n')
    await gone
  }
}

const partitions = 4
/** Of both sub-topologies. */
const allTasks = Array.from({ length: partitions }, (_, i) => [`0_${i}`, `1_${i}`])
  .flat()
  .sort()

const events = (from: number, to: number): InputRecord[] =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `event ${from + i}`,
    value: `user ${((from + i) * 7919) % 211}`,
    timestampMs: 1_700_000_000_000 + from + i,
  }))

function recount(records: readonly InputRecord[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of records) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

async function counted(): Promise<Map<string, number>> {
  return new Map([...(await room.table('per-user'))].map(([user, count]) => [user, Number(count)]))
}

const settled = (...instances: readonly Instance[]) =>
  room.until(() => {
    const died = instances.find(({ child }) => child.exitCode !== null)
    if (died !== undefined) throw new Error(`an instance ended: ${died.errors}`)
    const tasks = instances.flatMap((instance) => instance.tasks).sort()
    return instances.every(({ tasks: own }) => own.length > 0) && tasks.join() === allTasks.join()
  })

const processed = () => room.processed('instances', ['events', 'instances-by-user-repartition'])

test('instances come, stop and are killed: tasks move, and nothing is missing', async () => {
  await room.topics({ events: partitions, 'per-user': 1 })
  const all = events(0, 30_000)
  let written = 0
  const write = async (count: number) => {
    await room.write('events', all.slice(written, written + count))
    written += count
  }
  await write(5_000)
  const first = new Instance('a')
  await settled(first)
  await write(5_000)
  const second = new Instance('b')
  await settled(first, second)
  await processed()
  await write(5_000)

  // Without a kill every count is right: a task that moves has been committed before.
  await first.stop()
  await settled(second)
  await processed()
  expect(await counted()).toEqual(recount(all.slice(0, written)))

  // Back with its state: only what the other did meanwhile is restored.
  const third = new Instance('a', 2)
  await settled(third, second)
  await processed()
  expect(await counted()).toEqual(recount(all.slice(0, written)))
  await write(10_000)
  await second.kill()
  await write(5_000)
  await settled(third)
  await processed()
  const counts = await counted()
  let twice = 0
  for (const [user, truth] of recount(all)) {
    const count = counts.get(user) ?? 0
    expect(count, user).toBeGreaterThanOrEqual(truth)
    twice += count - truth
  }
  // What one interval holds at most: everything that was there when it died.
  expect(twice).toBeLessThanOrEqual(10_000)
  await third.stop()
})

test('a process that stands still until its session is over joins again and loses nothing', async () => {
  await room.topics({ events: partitions, 'per-user': 1 })
  const first = new Instance('a')
  const second = new Instance('b')
  await settled(first, second)
  await room.write('events', events(0, 4_000))
  first.child.kill('SIGSTOP')
  await room.write('events', events(4_000, 8_000))
  await settled(second)
  await processed()
  first.child.kill('SIGCONT')
  first.status = undefined
  await settled(first, second)
  await room.write('events', events(8_000, 9_000))
  await processed()
  const counts = await counted()
  for (const [user, truth] of recount(events(0, 9_000))) {
    expect(counts.get(user) ?? 0, user).toBeGreaterThanOrEqual(truth)
  }
  await first.stop()
  await second.stop()
})

test('a broker that goes away and comes back stops nobody, and nothing is missing', async () => {
  await room.topics({ events: partitions, 'per-user': 1 })
  const [first, second] = [new Instance('a'), new Instance('b')]
  await settled(first, second)
  await room.write('events', events(0, 4_000))
  await room.restartEngine(() => room.ports.clock.sleep(2_000)) // longer than a session
  await room.write('events', events(4_000, 6_000))
  await settled(first, second)
  await processed()
  const counts = await counted()
  for (const [user, truth] of recount(events(0, 6_000))) {
    expect(counts.get(user) ?? 0, user).toBeGreaterThanOrEqual(truth)
  }
  await Promise.all([first.stop(), second.stop()])
})
