import { setTimeout as later } from 'node:timers/promises'
import type { Producer } from '@millrace/client'
import { remedyFor } from '@millrace/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'

const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 8)
const partitions = [0, 1, 2]
let topics = 0

type Step =
  | { readonly kind: 'send'; readonly records: number }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'flush' | 'cut' }
  /** Nobody is let in for a while. */
  | { readonly kind: 'refuse'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), records: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('flush' as const, 'cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
)

const history = fc.record({
  steps: fc.array(step, { minLength: 5, maxLength: 30 }),
  seed: fc.integer(),
  hostility: fc.constantFrom(0.03, 0.1, 0.3),
  batchBytes: fc.integer({ min: 100, max: 600 }),
  maxInFlight: fc.integer({ min: 1, max: 5 }),
  /** Of the producer's clock: a short one is over while batches are in flight. */
  deliveryTimeoutMs: fc.constantFrom(300, 2_000, 120_000),
})

describe('an idempotent producer on a hostile network', () => {
  let cluster: HostileCluster
  beforeAll(async () => {
    cluster = await HostileCluster.start()
  })
  afterAll(() => cluster.stop())

  async function take(one: Step, send: () => void, producer: Producer): Promise<void> {
    const { network } = cluster
    if (one.kind === 'send') for (let i = 0; i < one.records; i++) send()
    else if (one.kind === 'pause') await later(one.ms)
    else if (one.kind === 'refuse') network.refuse(one.ms)
    else if (one.kind === 'cut') network.cut()
    else await producer.flush().catch(() => undefined)
  }

  async function logOf(topic: string): Promise<number[][]> {
    const client = cluster.client()
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    const all = partitions.map((partition) => ({ topic, partition }))
    const ends = await consumer.endOffsets(all)
    const log: number[][] = partitions.map(() => [])
    consumer.assign(all)
    while (all.some((at) => (consumer.position(at) ?? 0) < ends.get(at.topic, at.partition)!)) {
      for (const { partition, offset, value } of recordsOf(await consumer.poll()))
        log[partition]![offset] = Number(value)
    }
    await client.close()
    return log
  }

  it('has every acknowledged record once and in order, any other at most once', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ steps, seed, hostility, ...options }) => {
        const topic = `t${topics++}-${process.pid}`
        const { network } = cluster
        network.hostility = 0
        network.seed(seed)
        const client = cluster.client()
        await client.admin().createTopics([{ name: topic, partitions: partitions.length }])
        const producer = client.producer(options)
        await producer.open(topic)
        const acknowledged: { partition: number; value: number; offset: number }[] = []
        const refusals: unknown[] = []
        const sending: Promise<unknown>[] = []
        let sent = 0
        const send = () => {
          const value = sent++
          const partition = value % partitions.length
          const sending_ = producer.send({ topic, partition, value: `${value}` })
          sending.push(
            sending_.then(
              ({ offset }) => acknowledged.push({ partition, value, offset }),
              (error) => refusals.push(error),
            ),
          )
        }
        network.hostility = hostility
        for (const one of steps) await take(one, send, producer)
        network.hostility = 0
        await Promise.all(sending)
        await client.close().catch(() => undefined) // with the first refusal, which its sender knows already
        const log = await logOf(topic)
        for (const values of log) expect(new Set(values).size).toBe(values.length)
        for (const { partition, value, offset } of acknowledged) {
          if (offset >= 0) expect(log[partition]![offset]).toBe(value)
        }
        for (const partition of partitions) {
          const wanted = acknowledged.filter((each) => each.partition === partition).map(({ value }) => value)
          wanted.sort((a, b) => a - b)
          const isWanted = new Set(wanted)
          expect(log[partition]!.filter((value) => isWanted.has(value))).toEqual(wanted)
        }
        if (options.deliveryTimeoutMs > 100_000) expect(acknowledged.length).toBe(sent)
        // What stood in the way when the time was over.
        for (const error of refusals) expect(['retry', 'refresh-metadata']).toContain(remedyFor(error))
      }),
      { numRuns: runs, timeout: 30_000, endOnFailure: true },
    )
  })
})
