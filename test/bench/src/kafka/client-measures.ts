import { Buffer } from 'node:buffer'
import { bytesOut } from '@millrace/record/internal'
import { askChild } from '../child.ts'
import type { BrokerUnderTest } from './broker-under-test.ts'
import type { Measuring } from './measuring.ts'
import type { NodeClientName } from './node-client.ts'
import type { ClientMeasured, ClientRunOrder } from './node-client-process.ts'
import { type Aim, atLeast, atMost } from './row.ts'

const clients: readonly NodeClientName[] = ['ours', 'ours, records as objects', 'kafkajs', 'platformatic']
const shownAs: Readonly<Record<NodeClientName, string>> = {
  ours: 'our client',
  'ours, records as objects': 'our client, an object a record',
  kafkajs: 'kafkajs 2.2.4',
  platformatic: '@platformatic/kafka 1.35.0',
}

/** Clients in Node, all against Apache Kafka. Ours stands in the column of ours, kafkajs in that of Apache Kafka. */
export async function measureClients(measuring: Measuring): Promise<void> {
  const broker = measuring.brokers.find(({ name }) => name === 'kafka')
  if (broker === undefined) return
  const read = 'clients-read'
  await measuring.createTopic(broker, read)
  await fill(measuring, broker, read)
  const processModule = new URL('./node-client-process.js', import.meta.url)
  const taken = new Map<string, ClientMeasured[]>()
  for (let round = 1; round <= measuring.plan.rounds; round++) {
    for (const work of ['produce', 'consume'] as const) {
      for (const by of clients) {
        measuring.note(`${shownAs[by]}: ${work}, round ${round}`)
        const topic = work === 'consume' ? read : `clients-${clients.indexOf(by)}-${round}`
        if (work === 'produce') await measuring.createTopic(broker, topic)
        const records = measuring.plan.clientRecords
        const order: ClientRunOrder = { by, work, bootstrap: broker.bootstrap, topic, records }
        const measured = await askChild<ClientRunOrder, ClientMeasured>(processModule, order)
        taken.set(`${work} ${by}`, [...(taken.get(`${work} ${by}`) ?? []), measured])
        if (work === 'produce') await measuring.deleteTopic(broker, topic)
      }
    }
  }
  for (const work of ['produce', 'consume'] as const) {
    for (const by of clients) if (by !== 'kafkajs') compare(measuring, work, by, taken)
  }
}

function compare(
  { rows }: Measuring,
  work: 'produce' | 'consume',
  by: NodeClientName,
  taken: ReadonlyMap<string, readonly ClientMeasured[]>,
): void {
  const rate: Aim = atLeast(work === 'produce' ? 4 : 3)
  const isOurs = by !== 'platformatic'
  const what = `${work === 'produce' ? 'produce in 1000s' : 'consume'}: ${shownAs[by]} by kafkajs 2.2.4`
  for (const [side, name] of [
    ['kafka', 'kafkajs'],
    ['client', by],
  ] as const) {
    for (const { perSecond, cpuMicrosPerRecord } of taken.get(`${work} ${name}`) ?? []) {
      rows.add(what, 'records/s', isOurs ? rate : undefined, side, perSecond)
      rows.add(what, 'µs CPU a record', isOurs ? atMost(1 / 5) : undefined, side, cpuMicrosPerRecord)
    }
  }
}

async function fill(measuring: Measuring, broker: BrokerUnderTest, topic: string): Promise<void> {
  const producer = measuring.client(broker).producer({ acks: 'all' })
  const to = await producer.open(topic)
  const value = Buffer.alloc(100, 'value ')
  const nowMs = Date.now()
  for (let i = 0; i < measuring.plan.clientRecords * 1.25; i++) {
    if (producer.full) await producer.drained()
    producer.append(to, -1, nowMs, null, bytesOut, value, bytesOut, null)
  }
  await producer.close()
}
