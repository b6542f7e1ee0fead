import { Buffer } from 'node:buffer'
import { type ConnectRecord, type SinkTask, sinkBatchOf } from '@millrace/connect-api'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { SimDisk } from '@millrace/kernel/sim'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FileSinkConfig, fileSink } from '../src/index.ts'

const path = '/out/lines.jsonl'

async function openSink(disk: SimDisk, config: Partial<FileSinkConfig> = {}, exactlyOnce = false): Promise<SinkTask> {
  const { clock, random, metrics } = nodePorts({ log: silentLog })
  return fileSink.start({
    connector: 'snk',
    task: 0,
    config: { path, format: 'jsonl', 'tasks.max': 1, ...config },
    clock,
    disk,
    random,
    metrics,
    log: silentLog,
    signal: new AbortController().signal,
    progress: { report() {} },
    exactlyOnce,
    resolvePath: (given) => given,
    reject(_batch, _i, error) {
      throw error
    },
  })
}

function newDisk(): SimDisk {
  const disk = new SimDisk()
  disk.makeDirectory('/out')
  return disk
}

const linesOf = (disk: SimDisk) => (disk.readWhole(path) ?? Buffer.alloc(0)).toString().split('\n').slice(0, -1)
const put = (task: SinkTask, records: readonly Partial<ConnectRecord>[]) => task.put(sinkBatchOf(records))

describe('file-sink', () => {
  it('writes fields of key, window and value, times in ISO 8601', async () => {
    const disk = newDisk()
    const fields = [
      { name: 'origin', from: 'key', split: '~', part: 0 },
      { name: 'destination', from: 'key', split: '~', part: 1 },
      { name: 'hour', from: 'window.start' },
      { name: 'day', from: 'window.start', as: 'iso-date' },
      { name: 'flights' },
      { name: 'missing' },
    ] as const
    const task = await openSink(disk, { fields })
    await put(task, [{ key: { key: 'ATL~ORD', start: 978_310_800_000, end: 978_314_400_000 }, value: { flights: 3 } }])
    await task.stop?.()
    expect(linesOf(disk)).toEqual([
      '{"origin":"ATL","destination":"ORD","hour":"2001-01-01T01:00:00.000Z","day":"2001-01-01","flights":3,"missing":null}',
    ])
  })

  it('writes the value as it is, or as text', async () => {
    const disk = newDisk()
    const json = await openSink(disk)
    await put(json, [{ value: { a: ['ü"\n'] } }, { value: null }])
    await json.stop?.()
    const text = await openSink(disk, { format: 'lines' })
    await put(text, [{ value: 'plain' }])
    await text.stop?.()
    expect(linesOf(disk)).toEqual(['{"a":["ü\\"\\n"]}', 'null', 'plain'])
  })

  it('cuts off a torn last line and goes on behind the last whole one', async () => {
    for (const torn of ['{"n":', 'x'.repeat(200_000)]) {
      const disk = newDisk()
      const file = disk.open(path, 'create')
      const bytes = Buffer.from(`{"n":1}\n${torn}`)
      file.write(bytes, 0, bytes.length, 0)
      file.close()
      const task = await openSink(disk)
      await put(task, [{ value: { n: 2 } }])
      await task.stop?.()
      expect(linesOf(disk)).toEqual(['{"n":1}', '{"n":2}'])
    }
  })

  it('loses nothing that was flushed, whenever the process dies', async () => {
    const batches = fc.array(fc.record({ size: fc.integer({ min: 1, max: 4 }), flush: fc.boolean() }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(batches, async (plan) => {
        let disk = newDisk()
        let task = await openSink(disk)
        let next = 0
        let flushed = 0
        for (const { size, flush } of plan) {
          await put(
            task,
            Array.from({ length: size }, () => ({ value: next++ })),
          )
          if (flush) {
            await task.flush?.()
            flushed = next
          }
        }
        disk = disk.kill()
        task = await openSink(disk)
        await task.stop?.()
        const lines = linesOf(disk).map(Number)
        expect(lines).toEqual(lines.map((_, i) => i))
        expect(lines.length).toBeGreaterThanOrEqual(flushed)
      }),
      { numRuns: 50 },
    )
  })

  it('writes each record once under exactly-once, however often the process dies or the power goes', async () => {
    const step = fc.record({
      size: fc.integer({ min: 1, max: 60 }),
      after: fc.constantFrom('go on', 'flush', 'flush', 'die', 'power cut', 'power cut while flushing'),
      seed: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, startedWithout) => {
        let disk = newDisk()
        await disk.syncDirectory('/')
        const topicId = sinkBatchOf([{}]).ends[0]!.topicId
        const at = { topic: 'topic', partition: 0, topicId }
        const begin = async () => {
          const task = await openSink(disk, {}, true)
          const position = (await task.open?.([at]))?.[0]?.offset ?? 0
          // Positions of a topic that is gone say nothing of this one.
          expect(await task.open?.([{ ...at, topicId: 'another' }])).toEqual([])
          return { task, position: position as number }
        }
        if (startedWithout) {
          const before = disk.open(path, 'create')
          before.write(Buffer.from('0\n{"n"'), 0, 6, 0)
          before.close()
        }
        const first = startedWithout ? [0] : []
        let { task, position } = await begin()
        let flushed = 0
        for (const { size, after, seed } of steps) {
          const records = Array.from({ length: size }, (_, i) => ({ value: position + i, offset: position + i }))
          await put(task, records)
          position += size
          if (after === 'go on') continue
          if (after === 'flush') {
            await task.flush?.()
            flushed = position
            continue
          }
          if (after === 'power cut while flushing') void task.flush?.().catch(() => {})
          disk = after === 'die' ? disk.kill() : disk.crash(seed)
          ;({ task, position } = await begin())
          expect(position).toBeGreaterThanOrEqual(flushed)
        }
        await task.flush?.()
        expect(linesOf(disk).map(Number)).toEqual([...first, ...Array.from({ length: position }, (_, i) => i)])
      }),
      { numRuns: 200 },
    )
  })

  it('uses no positions that its file does not bear out', async () => {
    const disk = newDisk()
    const task = await openSink(disk, {}, true)
    await put(task, [{ value: 1 }, { value: 2 }])
    await task.flush?.()
    await task.stop?.()
    const at = { ...sinkBatchOf([{}]).ends[0]! }
    disk.remove(path)
    const again = await openSink(disk, {}, true)
    expect(await again.open?.([at])).toEqual([])
    const positions = disk.open(`${path}.positions`, 'write')
    positions.truncate(3)
    await expect(openSink(disk, {}, true)).rejects.toMatchObject({ code: 'CORRUPT_FILE' })
  })

  it('is refused more than one task, a folder that is not there, a field from nowhere', () => {
    const check = (config: Partial<FileSinkConfig>) =>
      fileSink.check?.(
        { path, format: 'jsonl', 'tasks.max': 1, ...config },
        { disk: newDisk(), resolvePath: (given) => given },
      )
    expect(check({ 'tasks.max': 2 })).toMatchObject([{ option: 'tasks.max' }])
    expect(check({ path: '/nowhere/x' })).toMatchObject([{ option: 'path' }])
    expect(check({ fields: [{ name: 'x', from: 'vlaue.x' }] })).toMatchObject([{ option: 'fields[0]' }])
    expect(check({})).toEqual([])
  })

  it('says that the disk is full, and goes on in good order when it is not', async () => {
    const disk = newDisk()
    const task = await openSink(disk)
    await put(task, [{ value: 1 }])
    disk.faults.capacityBytes = 4
    await expect(put(task, [{ value: 'x'.repeat(5000) }])).rejects.toMatchObject({ code: 'DISK_FULL' })
    await task.stop?.()
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    const again = await openSink(disk)
    await put(again, [{ value: 2 }])
    await again.stop?.()
    expect(linesOf(disk)).toEqual(['1', '2'])
  })
})
