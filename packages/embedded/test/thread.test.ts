import { mkdirSync, rmSync } from 'node:fs'
import { offset } from '@millrace/kernel'
import { type LogTail, segmentPath } from '@millrace/log/internal'
import { BatchBuilder, nextOffset, openBatches, stampBaseOffset, utf8Out } from '@millrace/record/internal'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { PartitionReader } from '../src/thread/partition-reader.ts'
import { SharedTail } from '../src/thread/shared-tail.ts'
import { ClusterUnderTest, testPorts } from './cluster-under-test.ts'

const tailAt = (end: number, activeBase: number, activeBytes: number, directory = ''): LogTail => ({
  logStart: offset(0),
  highWatermark: offset(end),
  lastStable: offset(end),
  abortedEnd: offset(0),
  activeBase: offset(activeBase),
  activeBytes,
  swaps: 0,
  directory,
})

describe('a worker thread', () => {
  let cluster: ClusterUnderTest
  afterEach(() => cluster.stop())

  it('reads in order, across segments, while the engine appends', async () => {
    cluster = await ClusterUnderTest.start('loopback')
    const client = cluster.client()
    const configs = { 'segment.bytes': '100000' }
    await client.admin().createTopics([{ name: 'orders', partitions: 2, configs }])
    const link = cluster.engine.threadLink()
    const count = 100_000
    const thread = cluster.ports.threads.start(new URL('./reading-thread.mjs', import.meta.url), {
      name: 'reader',
      data: { link: link.data, count },
      move: link.move,
    })
    const report = new Promise((resolve) => thread.port.listen(resolve))
    const producer = client.producer({ batchBytes: 4_000 })
    const handle = await producer.open('orders')
    for (let i = 0; i < count; i++) {
      if (producer.full) await producer.drained()
      if (i % 500 === 0) await producer.flush()
      producer.append(handle, 0, 0, null, utf8Out, `${i}`, utf8Out, null)
    }
    await producer.flush()
    expect(await report).toEqual({ seen: count, inOrder: true, offset: 0 })
    await link.close()
    expect(await thread.ended).toBeUndefined()
  })

  it('learns that a topic is gone, and reads the one made in its place', async () => {
    cluster = await ClusterUnderTest.start('thread')
    const client = cluster.client()
    const admin = client.admin()
    await admin.createTopics([{ name: 'orders', partitions: 1 }])
    await client.producer().send({ topic: 'orders', value: 'old' })
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([{ topic: 'orders', partition: 0 }])
    while (consumer.position({ topic: 'orders', partition: 0 }) !== 1) await consumer.poll({ timeoutMs: 100 })
    await cluster.client().admin().deleteTopics(['orders'])
    await admin.createTopics([{ name: 'orders', partitions: 1 }])
    await cluster.client().producer().send({ topic: 'orders', value: 'new' })
    // Its position lies at the end of the old log: one record into the new one.
    const sent = await cluster.client().producer().send({ topic: 'orders', value: 'newer' })
    expect(sent.offset).toBe(1)
    let got = await consumer.poll({ timeoutMs: 10_000 })
    while (got.length === 0) got = await consumer.poll({ timeoutMs: 10_000 })
    expect(got[0]?.next).toBe(2)
  })

  it('sees its requests fail when the engine closes', async () => {
    cluster = await ClusterUnderTest.start('thread')
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    await cluster.engine.close()
    const opening = client.producer({ requestTimeoutMs: 200 }).open('never')
    await expect(opening).rejects.toMatchObject({ code: expect.stringMatching(/^CONNECTION_/) })
  })
})

describe('shared tail', () => {
  it('gives back what was published, and tells a waiting reader once', () => {
    const writer = new SharedTail()
    const reader = new SharedTail(writer.memory)
    expect(writer.publish(tailAt(5, 3, 77))).toBe(false)
    expect(reader.read()).toMatchObject({ highWatermark: 5, activeBase: 3, activeBytes: 77, gone: false })
    reader.wait()
    expect(writer.publish(tailAt(2 ** 52, 3, 78))).toBe(true)
    expect(writer.publish(tailAt(6, 3, 79))).toBe(false)
    expect(writer.bury()).toBe(false)
    expect(reader.read()).toMatchObject({ highWatermark: 6, gone: true })
  })
})

describe('partition reader', () => {
  it('reads every batch from any offset on, like a plain scan of the segments', () => {
    const { disk } = testPorts()
    const shape = fc.record({
      segments: fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), {
        minLength: 1,
        maxLength: 4,
      }),
      bytesMax: fc.integer({ min: 1, max: 2_000 }),
      from: fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
      beyond: fc.nat(100),
      open: fc.nat(),
    })
    fc.assert(
      fc.property(shape, ({ segments, bytesMax, from, beyond, open }) => {
        const directory = `${process.env['TMPDIR'] ?? '/tmp'}/millrace-reader-${process.pid}`
        rmSync(directory, { recursive: true, force: true })
        mkdirSync(directory)
        let next = 0
        const begins: number[] = []
        let active = { base: 0, bytes: 0 }
        for (const batches of segments) {
          const file = disk.open(segmentPath(directory, next, '.log'), 'create')
          active = { base: next, bytes: 0 }
          for (const count of batches) {
            begins.push(next)
            const builder = new BatchBuilder()
            for (let i = 0; i < count; i++) builder.append(0, null, utf8Out, `${next + i}`, utf8Out, null)
            const batch = builder.build()
            stampBaseOffset(batch, offset(next))
            file.write(batch, 0, batch.length, active.bytes)
            active.bytes += batch.length
            next += count
          }
          file.close()
        }
        // What lies behind the watermark in the file is not there yet for a reader.
        const last = disk.open(segmentPath(directory, active.base, '.log'), 'write')
        last.write(Buffer.alloc(beyond, 7), 0, beyond, active.bytes)
        last.close()
        const reader = new PartitionReader(disk, directory)
        const shared = new SharedTail()
        shared.publish(tailAt(next, active.base, active.bytes, directory))
        const read = (at: number, upTo: number) => reader.read(shared.read(), offset(at), offset(upTo), bytesMax)
        // A transaction that is open from some batch on ends what a reader of committed records sees.
        const lastStable = begins[open % begins.length]!
        for (const start of from.map((each) => each % next)) {
          const upTo = start < lastStable ? lastStable : next
          let at = offset(start)
          while (at < upTo) {
            const batches = openBatches(read(at, upTo), { source: 'test', position: 0 })
            expect(batches.length).toBeGreaterThan(0)
            const before = at
            at = nextOffset(batches.at(-1)!)
            expect(at).toBeGreaterThan(before)
            expect(at).toBeLessThanOrEqual(upTo)
            expect(reader.next).toBe(at)
            expect(Number(batches[0]!.readBigInt64BE(0))).toBeLessThanOrEqual(before)
          }
          expect(read(upTo, upTo).length).toBe(0)
        }
        reader.close()
        rmSync(directory, { recursive: true, force: true })
      }),
    )
  })
})
