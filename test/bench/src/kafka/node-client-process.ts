import { serveOrder } from '../child.ts'
import { ownCpuSeconds } from '../cpu-time.ts'
import { type ClientOrder, nodeClients } from './node-client.ts'

export interface ClientRunOrder extends ClientOrder {
  readonly work: 'produce' | 'consume'
}

export interface ClientMeasured {
  readonly perSecond: number
  readonly cpuMicrosPerRecord: number
}

/** One client, warmed up, then measured: its process is nobody else's. */
await serveOrder(async (order: ClientRunOrder) => {
  const { run, close } = await nodeClients[order.by][order.work](order)
  const [cpu, startMs] = [ownCpuSeconds(), performance.now()]
  await run()
  const seconds = (performance.now() - startMs) / 1000
  const answer: ClientMeasured = {
    perSecond: order.records / seconds,
    cpuMicrosPerRecord: ((ownCpuSeconds() - cpu) * 1e6) / order.records,
  }
  return { answer, close }
})
