import { Buffer } from 'node:buffer'
import { bytesOut } from '@millrace/record/internal'
import { median } from '../benchmark.ts'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { javaLatency, javaSteps } from './java-tool.ts'
import { joinExchange } from './join-exchange.ts'
import type { Measuring } from './measuring.ts'
import { atLeast, atMost } from './row.ts'

const inTransaction = 100

/** One record at a time, sent and read back by Java. */
export async function measureLatency(measuring: Measuring): Promise<void> {
  const { plan, rows } = measuring
  await inTurn(measuring, 'latency', async (broker, topic) => {
    const [cpu, syncs] = [broker.cpuSeconds(), await broker.syncs()]
    const { averageMs, p99Ms } = await javaLatency(broker.bootstrap, topic, plan.latencyRecords)
    const work = 'EndToEndLatency 100 B, acks=all'
    rows.add(`${work}, average`, 'ms', atMost(0.8), broker.name, averageMs)
    rows.add(`${work}, p99`, 'ms', undefined, broker.name, p99Ms)
    const cpuS = broker.cpuSeconds() - cpu
    rows.add(work, 'µs CPU a record', undefined, broker.name, (cpuS * 1e6) / plan.latencyRecords)
    if (syncs !== undefined) rows.add(work, 'syncs', undefined, broker.name, ((await broker.syncs()) ?? 0) - syncs)
  })
}

/** Transactions of 100 records, one after the other, by Java's producer and by ours. */
export async function measureTransactions(measuring: Measuring): Promise<void> {
  const { plan, rows } = measuring
  const add = (broker: BrokerUnderTest, by: string, millis: readonly number[]): void => {
    const work = `transactions of ${inTransaction} records, ${by}`
    const total = millis.reduce((sum, each) => sum + each, 0)
    rows.add(work, 'transactions/s', atLeast(3), broker.name, (millis.length * 1000) / total)
    rows.add(`${work}, p50`, 'ms', undefined, broker.name, median(millis))
    rows.add(`${work}, p99`, 'ms', undefined, broker.name, quantile(millis, 0.99))
  }
  await inTurn(measuring, 'transactions', async (broker, topic) => {
    const syncs = await broker.syncs()
    const { bootstrap } = broker
    add(broker, "Java's", await javaSteps('transactions', bootstrap, topic, `${plan.transactions}`, `${inTransaction}`))
    const after = await broker.syncs()
    if (syncs !== undefined && after !== undefined) {
      // A tenth goes before, unmeasured.
      const each = (after - syncs) / (plan.transactions * 1.1)
      rows.add(`transactions of ${inTransaction} records, Java's, each`, 'syncs', undefined, broker.name, each)
    }
    add(broker, 'our producer', await ownTransactions(measuring, broker, topic))
  })
}

async function ownTransactions(measuring: Measuring, broker: BrokerUnderTest, topic: string): Promise<number[]> {
  const { transactions } = measuring.plan
  const producer = measuring.client(broker).producer({ transactionalId: `bench-${topic}` })
  await producer.initTransactions()
  const to = await producer.open(topic)
  const value = Buffer.alloc(100)
  const millis: number[] = []
  for (let i = -transactions / 10; i < transactions; i++) {
    const startMs = performance.now()
    producer.beginTransaction()
    for (let r = 0; r < inTransaction; r++) producer.append(to, -1, Date.now(), null, bytesOut, value, bytesOut, null)
    await producer.commitTransaction()
    if (i >= 0) millis.push(performance.now() - startMs)
  }
  await producer.close()
  return millis
}

/** By our admin and a producer of ours that is connected. */
export async function measureTopics(measuring: Measuring): Promise<void> {
  const { plan, rows, brokers } = measuring
  const producers = brokers.map((broker) => ({ broker, producer: measuring.client(broker).producer() }))
  for (let i = -2; i < plan.topics; i++) {
    for (const { broker, producer } of producers) {
      const topic = `created-${i + 2}`
      const startMs = performance.now()
      await measuring
        .client(broker)
        .admin()
        .createTopics([{ name: topic, partitions: 1 }])
      const createdMs = performance.now() - startMs
      await producer.send({ topic, value: 'first' })
      if (i < 0) continue
      rows.add('create a topic', 'ms', atMost(1 / 5), broker.name, createdMs)
      rows.add('... to its first record', 'ms', atMost(1 / 5), broker.name, performance.now() - startMs)
    }
  }
  for (const { producer } of producers) await producer.close()
}

export async function measureJoins(measuring: Measuring): Promise<void> {
  const { plan, rows } = measuring
  await inTurn(measuring, 'join', async (broker, topic) => {
    const millis = await javaSteps('join', broker.bootstrap, topic, `${plan.joins}`)
    rows.add('group join, Java classic, p50', 'ms', atMost(0.5), broker.name, median(millis))
    rows.add('group join, Java classic, p99', 'ms', undefined, broker.name, quantile(millis, 0.99))
    const exchanges: number[] = []
    for (let i = -3; i < plan.joins; i++) {
      const took = await joinExchange(broker.bootstrap, topic, `exchange-${topic}-${i}`)
      if (i >= 0) exchanges.push(took)
    }
    rows.add('... its exchanges alone, p50', 'ms', undefined, broker.name, median(exchanges))
  })
}

/** Brokers take turns, round after round, each on a topic of its own. */
async function inTurn(
  measuring: Measuring,
  name: string,
  measure: (broker: BrokerUnderTest, topic: string) => Promise<void>,
): Promise<void> {
  const rounds = Math.min(measuring.plan.rounds, 2)
  for (let round = 1; round <= rounds; round++) {
    for (const broker of measuring.brokers) {
      measuring.note(`${broker.name}: ${name}, round ${round}`)
      const topic = `${name}-${round}`
      await measuring.createTopic(broker, topic)
      await measure(broker, topic)
    }
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
