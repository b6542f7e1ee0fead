import { Buffer } from 'node:buffer'
import { createClient } from '@millrace/client'
import { ConnectorRegistry, ConnectRuntime, inThreadHost } from '@millrace/connect'
import { fileSink, fileSource } from '@millrace/connector-file'
import { nodeClock } from '@millrace/kernel/node'
import { SimDisk } from '@millrace/kernel/sim'
import { type Blows, CommitSteps, type Victim } from './commit-steps.ts'
import { MortalClock } from './mortal-clock.ts'
import type { MortalTransport } from './mortal-transport.ts'
import { haste, portsOn, SimBroker } from './sim-broker.ts'
import { steppedDisk } from './stepped-disk.ts'

const testClock = nodeClock()
const input = '/in/lines.txt'
const output = '/out/lines.txt'

/** Requests that change what the cluster holds. */
const writing = new Set(['initProducerId', 'addPartitionsToTxn', 'produce', 'endTxn', 'offsetCommit'])

const common = { 'exactly.once.support': 'required', 'offset.flush.interval.ms': 20, 'restart.delay.max.ms': 10 }
const source = {
  ...common,
  connector: 'file-source',
  path: input,
  format: 'lines',
  follow: true,
  topic: 'lines',
  'value.converter': 'string',
  'idle.interval.ms': 5,
  'topic.creation.default.partitions': 1,
}
const sink = {
  ...common,
  connector: 'file-sink',
  path: output,
  format: 'lines',
  topics: 'lines',
  'value.converter': 'string',
  'errors.retry.delay.max.ms': 10,
}

interface Process {
  readonly transport: MortalTransport
  readonly runtime: ConnectRuntime
  die(): void
}

/**
 * A file source and a file sink under exactly-once copy lines that come in two waves, while blows fall. The machine of
 * both loses its power with the instance, and starts again with what its disk has kept.
 */
export class ConnectHistory {
  readonly #broker: SimBroker
  readonly #steps: CommitSteps
  readonly #localToo: boolean
  #disk = new SimDisk()
  #process: Process | undefined
  #isCounting = false
  #written: string[] = []

  /** @returns what was met, how many blows fell, the lines that were written and those that came of them */
  static async run(version: number, blows: Blows) {
    const broker = await SimBroker.start({ 'transaction.version': version })
    const history = new ConnectHistory(broker, blows)
    try {
      const lines = await history.#run()
      const { met, fallen } = history.#steps
      return { met, fallen, written: history.#written, lines }
    } finally {
      await history.#steps.end()
      await history.#process?.runtime.close()
      await broker.stop()
    }
  }

  private constructor(broker: SimBroker, blows: Blows) {
    this.#broker = broker
    this.#localToo = blows.victims.includes('instance')
    this.#steps = new CommitSteps(blows, (victim, step) => this.#strike(victim, step))
  }

  async #run(): Promise<readonly string[]> {
    for (const directory of ['/in', '/out']) this.#disk.makeDirectory(directory)
    await this.#write(0)
    await this.#start()
    await this.#process?.runtime.create('source', source)
    await this.#process?.runtime.create('sink', sink)
    await this.#until(() => this.#process?.runtime.progress().filter(({ state }) => state === 'RUNNING').length === 2)
    this.#isCounting = true
    for (const wave of [8, 5]) {
      await this.#write(wave)
      await this.#until(() => this.#lines().length >= this.#written.length)
      await this.#until(() => this.#isCommitted())
    }
    await this.#steps.end()
    await this.#process?.runtime.close()
    return this.#lines()
  }

  async #strike(victim: Victim, seed: number): Promise<void> {
    if (victim === 'broker') return this.#broker.crash(seed)
    const struck = this.#process
    if (victim === 'network') {
      struck?.transport.cut()
      return
    }
    this.#process = undefined
    this.#disk = this.#disk.crash(seed)
    struck?.die()
    await this.#start()
  }

  async #start(): Promise<void> {
    const steps = this.#steps
    const isStep = (name: string) => this.#isCounting && writing.has(name)
    const transport = this.#broker.transport((api, send) => (isStep(api) ? steps.around(api, send) : send()))
    const real = portsOn(this.#disk)
    const clocks = [new MortalClock(real.clock), new MortalClock(real.clock, haste)] as const
    const disk = this.#localToo ? steppedDisk(this.#disk, '/out/', steps) : this.#disk
    const ports = { ...real, disk, clock: clocks[0] }
    const client = createClient({ transport, ports: { ...ports, clock: clocks[1] } })
    const connectors = [fileSource, fileSink]
    const host = inThreadHost({ client, ports, registry: new ConnectorRegistry(connectors) })
    const die = () => {
      for (const clock of clocks) clock.die()
      transport.die()
    }
    const runtime = await ConnectRuntime.start({ client, ports, connectors, host, baseDirectory: '/' })
    this.#process = { transport, runtime, die }
  }

  /** More lines at the end of the input, which survive what may come. */
  async #write(count: number): Promise<void> {
    const more = Array.from({ length: count }, (_, i) => `line ${this.#written.length + i}`)
    const bytes = Buffer.from(more.map((line) => `${line}\n`).join(''))
    const file = this.#disk.open(input, 'open-or-create')
    file.write(bytes, 0, bytes.length, file.size())
    await file.sync()
    file.close()
    for (const directory of ['/in', '/']) await this.#disk.syncDirectory(directory)
    this.#written = [...this.#written, ...more]
  }

  #lines(): readonly string[] {
    const text = this.#disk.readWhole(output)?.toString('utf8') ?? ''
    return text.split('\n').slice(0, -1)
  }

  /** The sink's group stands at the end of the topic. */
  async #isCommitted(): Promise<boolean> {
    const client = this.#broker.client()
    const ends = await client.admin().listOffsets([{ topic: 'lines', partition: 0 }], 'latest')
    const committed = await client.admin().groupOffsets('connect-sink')
    await client.close()
    return (committed.get('lines', 0)?.offset ?? 0) >= (ends.get('lines', 0) ?? 0)
  }

  async #until(done: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await done())) await testClock.sleep(5)
  }
}
