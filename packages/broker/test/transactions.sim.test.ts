import { SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { BrokerBench } from './broker-bench.ts'
import { readCommitted } from './read-committed.ts'
import { type Attempt, places, TransactionWriter } from './transaction-writer.ts'
import { type ClientVersion, TransactionalProducer } from './transactional-producer.ts'

/** Answers that come when it is cut never arrive. What has arrived, the client knows. */
class Wire {
  isCut = false
  readonly #bench: BrokerBench

  constructor(bench: BrokerBench) {
    this.#bench = bench
  }

  readonly send: BrokerBench['send'] = async (api, request, version) => {
    if (this.isCut) return await new Promise(() => {})
    const answer = await this.#bench.send(api, request, version)
    return this.isCut ? await new Promise(() => {}) : answer
  }
}

/**
 * Several producers write transactions over several partitions and groups; the machine loses its power, or the process
 * is killed, at any moment, also while it starts. Afterwards every transaction is wholly there or wholly not, in all
 * partitions and in the offsets: there when its commit was answered, not there when it was never asked for.
 */
class World {
  readonly writers: TransactionWriter[]
  readonly #random: SimRandom
  readonly #clock = new SimClock(Date.UTC(2026, 0, 1))
  #bench: BrokerBench

  private constructor(bench: BrokerBench, random: SimRandom, versions: readonly ClientVersion[]) {
    this.#bench = bench
    this.#random = random
    this.writers = versions.map((version, i) => new TransactionWriter(`w${i}`, version, random))
  }

  static async start(seed: number): Promise<World> {
    const random = new SimRandom(seed)
    const pause = async () => {
      for (let turns = random.integer(12); turns > 0; turns--) await Promise.resolve()
    }
    const settings = { 'transaction.state.log.num.partitions': 2, 'offsets.topic.num.partitions': 2 }
    const bench = await BrokerBench.start(settings, new SimDisk({ pause }))
    await bench.createTopic('out', 2)
    await bench.createTopic('other')
    return new World(bench, random, random.integer(2) === 0 ? [2, 'mixed', 1] : ['mixed', 2])
  }

  async workAndCrash(): Promise<void> {
    const wire = new Wire(this.#bench)
    const work = Promise.race(this.writers.map((writer) => writer.run(wire)))
    const failure = work.then(
      () => undefined,
      (error: unknown) => error,
    )
    for (let turns = this.#random.integer(900); turns > 0; turns--) await Promise.resolve()
    wire.isCut = true
    const late = this.#random.integer(4) === 0 // the markers of producers that pause are settled, too
    if (late) await this.#clock.advance(this.#random.integer(2) === 0 ? 2000 : 12_000) // and what is open is noted
    const disk = this.#crashed(this.#bench.disk)
    const error = await Promise.race([failure, new Promise((resolve) => setImmediate(resolve))])
    if (error !== undefined) throw error
    await this.#bench.broker.close()
    this.#bench = await this.#restarted(disk)
  }

  /** Each writer goes on where it was, or another one takes its place. */
  async recover(): Promise<void> {
    for (const writer of this.writers) {
      if (this.#random.integer(2) === 0) await writer.finish(this.#bench)
      else await writer.replace(this.#bench)
    }
  }

  async check(): Promise<void> {
    const seen = new Map<string, string[]>()
    for (const { topic, partition } of places) {
      const log = this.#bench.directory.partition(topic, partition)
      expect(log?.lastStable, `nothing is open in ${topic}-${partition}`).toBe(log?.highWatermark)
      seen.set(`${topic}-${partition}`, await readCommitted(this.#bench, topic, partition))
    }
    for (const writer of this.writers) await this.#checkWriter(writer, seen)
  }

  async #checkWriter({ name, attempts }: TransactionWriter, seen: ReadonlyMap<string, string[]>): Promise<void> {
    for (const attempt of attempts) if (attempt.outcome === 'ending') this.#decide(attempt, seen)
    const committed = attempts.filter(({ outcome }) => outcome === 'committed')
    for (const [i, { topic, partition }] of places.entries()) {
      const expected = committed.flatMap(({ value, writes }) => writes.filter((at) => at === i).map(() => value))
      const found = seen.get(`${topic}-${partition}`)?.filter((value) => value.startsWith(`${name}:`))
      expect(found, `${name} in ${topic}-${partition}`).toEqual(expected)
    }
    const last = committed.findLast(({ commitsOffset }) => commitsOffset)?.number ?? -1
    const groups = [{ groupId: name, topics: [{ name: 'out', partitionIndexes: [0] }] }]
    const answer = await this.#bench.send('offsetFetch', { groups, requireStable: true }, 9)
    const offset = answer.groups[0]?.topics[0]?.partitions[0]
    const undecided = attempts.findLast(({ outcome }) => outcome === 'ending')
    expect(offset?.errorCode, `${name} is stable`).toBe(0)
    if (undecided === undefined) expect(offset?.committedOffset, `offset of ${name}`).toBe(last)
    else expect([last, undecided.number]).toContain(offset?.committedOffset)
  }

  /** Its end was asked for and not answered: any of its records tells how it ended, if it has any. */
  #decide(attempt: Attempt, seen: ReadonlyMap<string, string[]>): void {
    const [first] = attempt.writes
    if (!attempt.commits) attempt.outcome = 'aborted'
    else if (first !== undefined) {
      const { topic, partition } = places[first] ?? places[0]
      attempt.outcome = seen.get(`${topic}-${partition}`)?.includes(attempt.value) === true ? 'committed' : 'aborted'
    }
  }

  #crashed(disk: SimDisk): SimDisk {
    return this.#random.integer(4) === 0 ? disk.kill() : disk.crash(this.#random.integer(1 << 30))
  }

  /** The power may go again before the broker is up. */
  async #restarted(disk: SimDisk): Promise<BrokerBench> {
    const settings = { 'transaction.state.log.num.partitions': 2, 'offsets.topic.num.partitions': 2 }
    const started = BrokerBench.start(settings, disk, this.#clock)
    if (this.#random.integer(3) > 0) return await started
    for (let turns = this.#random.integer(400); turns > 0; turns--) await Promise.resolve()
    const again = this.#crashed(disk)
    await started
    return await this.#restarted(again)
  }
}

const seeds = Number(process.env['TRANSACTION_SEEDS'] ?? 25)
const firstSeed = Number(process.env['TRANSACTION_FIRST_SEED'] ?? 1)

test(
  `every transaction is wholly committed or wholly aborted after crashes, ${seeds} seeds`,
  async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      try {
        const world = await World.start(seed)
        for (let crash = 0; crash < 2; crash++) {
          await world.workAndCrash()
          await world.recover()
          await world.check()
        }
      } catch (error) {
        throw new Error(`seed ${seed}: TRANSACTION_FIRST_SEED=${seed} TRANSACTION_SEEDS=1 shows it again`, {
          cause: error,
        })
      }
    }
  },
  60_000 + seeds * 1000,
)

test('a decision that was read and is not on disk yet is not followed by markers', async () => {
  let holds = false
  const pause = () => (holds ? new Promise<void>(() => {}) : Promise.resolve())
  for (let seed = 0; seed < 60; seed++) {
    holds = false
    const bench = await BrokerBench.start({}, new SimDisk({ pause }))
    await bench.createTopic('out', 2)
    const producer = await TransactionalProducer.start(bench, 'tx')
    await producer.send('out', 0, ['a'])
    await producer.send('out', 1, ['a'])
    holds = true
    void producer.end(true)
    await bench.clock.turn()
    holds = false
    const killed = await BrokerBench.start({}, bench.disk.kill(), bench.clock)
    const after = await killed.powerCut(seed)
    const seen = [await readCommitted(after, 'out', 0), await readCommitted(after, 'out', 1)]
    expect(seen[0], `seed ${seed}`).toEqual(seen[1])
  }
})
