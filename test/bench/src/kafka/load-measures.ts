import type { BrokerUnderTest } from './broker-under-test.ts'
import { javaConsume, javaProduce } from './java-tool.ts'
import type { Measuring } from './measuring.ts'
import { type Aim, atLeast, atMost } from './row.ts'

interface Load {
  readonly recordBytes: number
  readonly records: number
  readonly called: string
  readonly produceCpu: Aim
}

/** Java's own load tools, produce and consume, brokers in turn; the data of the last round is read. */
export async function measureLoad(measuring: Measuring, size: 'small' | 'large'): Promise<void> {
  const { plan, brokers, wants } = measuring
  const load: Load =
    size === 'small'
      ? { recordBytes: 100, records: plan.smallRecords, called: '100 B', produceCpu: atMost(0.7) }
      : { recordBytes: 1024, records: plan.largeRecords, called: '1 KiB', produceCpu: atMost(0.5) }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const broker of brokers) {
      const topic = `load-${size}-${round}`
      await measuring.createTopic(broker, topic)
      measuring.note(`${broker.name}: produces ${load.records} records of ${load.called}, round ${round}`)
      await produce(measuring, broker, topic, load)
      if (round < plan.rounds) await measuring.deleteTopic(broker, topic)
    }
  }
  const read = `load-${size}-${plan.rounds}`
  if (wants(`consume-${size}`)) {
    for (let round = 1; round <= plan.rounds; round++) {
      for (const broker of brokers) {
        // How an append was acknowledged is nothing to a reader: one of ours is enough.
        if (broker.name === 'synced' && brokers.length > 2) continue
        measuring.note(`${broker.name}: ${load.records} records of ${load.called} are consumed, round ${round}`)
        await consume(measuring, broker, read, load)
      }
    }
  }
  for (const broker of brokers) await measuring.deleteTopic(broker, read)
}

async function produce(measuring: Measuring, broker: BrokerUnderTest, topic: string, load: Load): Promise<void> {
  const { rows } = measuring
  const { recordBytes, records, called } = load
  const [cpu, syncs] = [broker.cpuSeconds(), await broker.syncs()]
  const { perSecond, p99Ms } = await javaProduce(broker.bootstrap, topic, records, recordBytes)
  const work = `ProducerPerformance ${called}, acks=all`
  rows.add(work, 'records/s', atLeast(1), broker.name, perSecond)
  rows.add(work, 'CPU s per M', load.produceCpu, broker.name, ((broker.cpuSeconds() - cpu) * 1e6) / records)
  rows.add(`${work}, p99`, 'ms', undefined, broker.name, p99Ms)
  if (syncs !== undefined) rows.add(work, 'syncs', undefined, broker.name, ((await broker.syncs()) ?? 0) - syncs)
  measuring.loaded(broker, recordBytes * records)
}

async function consume({ rows }: Measuring, broker: BrokerUnderTest, topic: string, load: Load): Promise<void> {
  const cpu = broker.cpuSeconds()
  const perSecond = await javaConsume(broker.bootstrap, topic, load.records)
  const work = `ConsumerPerformance ${load.called}, fetching`
  rows.add(work, 'records/s', atLeast(1), broker.name, perSecond)
  rows.add(work, 'CPU s per M', atMost(2), broker.name, ((broker.cpuSeconds() - cpu) * 1e6) / load.records)
}

/** The same millions to each, so that both are warm. */
export async function warmUp(measuring: Measuring): Promise<void> {
  for (const broker of measuring.brokers) {
    measuring.note(`${broker.name}: warms up with ${measuring.plan.warmRecords} records`)
    await measuring.createTopic(broker, 'warm')
    await javaProduce(broker.bootstrap, 'warm', measuring.plan.warmRecords, 100)
    measuring.loaded(broker, measuring.plan.warmRecords * 100)
    await javaConsume(broker.bootstrap, 'warm', Math.min(1_000_000, measuring.plan.warmRecords))
    await measuring.deleteTopic(broker, 'warm')
  }
}

/** Memory once a broker has taken as much as the plan says, all loads so far counted. */
export async function measureLoadedMemory(measuring: Measuring): Promise<void> {
  const { plan, brokers, rows } = measuring
  for (const broker of brokers) {
    const missing = Math.ceil((plan.loadBytes - measuring.loadOf(broker)) / 1024)
    if (missing > 0) {
      measuring.note(`${broker.name}: ${missing} records of 1 KiB more`)
      await measuring.createTopic(broker, 'fill')
      await javaProduce(broker.bootstrap, 'fill', missing, 1024)
      measuring.loaded(broker, missing * 1024)
      await measuring.deleteTopic(broker, 'fill')
    }
    rows.add(`resident after ${plan.loadBytes / 1e9} GB`, 'MiB', atMost(1 / 5), broker.name, broker.residentMiB())
  }
}
