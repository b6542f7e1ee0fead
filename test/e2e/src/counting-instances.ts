import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AppStatus, Processing } from '@millrace/streams'
import type { ClusterRoom, InputRecord } from './cluster-room.ts'
import { StreamsRoom } from './streams-room.ts'

/** A process that runs the application, as its last status tells. */
export class Instance {
  readonly child: ChildProcessWithoutNullStreams
  status: AppStatus | undefined
  errors = ''

  constructor(broker: string, state: string, threads: number, processing: Processing) {
    const program = fileURLToPath(new URL('../test/streams-instance.mjs', import.meta.url))
    this.child = spawn(process.execPath, [program, broker, state, String(threads), processing])
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
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
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

/** Several starts, kills and moves of whole processes, on whatever machine. */
export const startsMs = 240_000

const partitions = 4
/** Of both sub-topologies. */
const allTasks = Array.from({ length: partitions }, (_, i) => [`0_${i}`, `1_${i}`])
  .flat()
  .sort()

/** Event `i` is of a user; every user has another number of them. */
export const events = (from: number, to: number): InputRecord[] =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `event ${from + i}`,
    value: `user ${((from + i) * 7919) % 211}`,
    timestampMs: 1_700_000_000_000 + from + i,
  }))

/** How often each user came. */
export function recount(records: readonly InputRecord[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of records) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/** Processes that count events by user. */
export class CountingInstances<Room extends ClusterRoom> {
  readonly room: Room
  readonly #address: string
  readonly #processing: Processing
  readonly #instances: Instance[] = []

  /** On an engine of the test. */
  static async open(processing: Processing): Promise<CountingInstances<StreamsRoom>> {
    const room = await StreamsRoom.open()
    return CountingInstances.in(room, room.address, processing)
  }

  static async in<R extends ClusterRoom>(room: R, address: string, processing: Processing) {
    await room.topics({ events: partitions, 'per-user': 1 })
    return new CountingInstances<R>(room, address, processing)
  }

  private constructor(room: Room, address: string, processing: Processing) {
    this.room = room
    this.#address = address
    this.#processing = processing
  }

  start(state: string, threads = 1): Instance {
    const instance = new Instance(this.#address, join(this.room.directory, state), threads, this.#processing)
    this.#instances.push(instance)
    return instance
  }

  write(from: number, to: number): Promise<void> {
    return this.room.write('events', events(from, to))
  }

  /** Waits until these have all tasks among them, and each has some. */
  settled(...instances: readonly Instance[]): Promise<void> {
    return this.room.until(() => {
      const died = instances.find(({ child }) => child.exitCode !== null)
      if (died !== undefined) throw new Error(`an instance ended: ${died.errors}`)
      const tasks = instances.flatMap((instance) => instance.tasks).sort()
      return instances.every(({ tasks: own }) => own.length > 0) && tasks.join() === allTasks.join()
    })
  }

  /** Waits until all that is written has been counted. */
  processed(): Promise<void> {
    return this.room.processed('instances', ['events', 'instances-by-user-repartition'])
  }

  async counted(): Promise<Map<string, number>> {
    return new Map([...(await this.room.table('per-user'))].map(([user, count]) => [user, Number(count)]))
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.kill()))
    await this.room.close()
  }
}
