import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { codeOf, offset } from '@millrace/kernel'
import { BatchCursor, baseOffset, codecOf, leaderEpoch, recordCount, timestampTypeOf } from '@millrace/record/internal'
import { afterEach, describe, expect, test } from 'vitest'
import type { LogDirectory, PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, disks, type Fixture, openAt, startMs } from './fixture.ts'

const configs = (entries: Record<string, string> = {}) => new Map(Object.entries(entries))

describe.each(disks)('a log on the %s', (_, makeFixture) => {
  let fixture: Fixture
  let directory: LogDirectory

  async function openTopic(overrides: Record<string, string> = {}): Promise<PartitionLog> {
    fixture = makeFixture()
    directory = await openAt(fixture)
    await directory.createTopic({ name: 'orders', partitions: 1, configs: configs(overrides) })
    return directory.partition('orders', 0)!
  }

  async function reopen(): Promise<PartitionLog> {
    await directory.close()
    directory = await openAt(fixture)
    return directory.partition('orders', 0)!
  }

  afterEach(async () => {
    await directory?.close()
    fixture?.remove()
  })

  test('gives offsets in order, reads whole batches back, and keeps both over a restart', async () => {
    let log = await openTopic()
    expect(log.append(batch(['a', 'b']))).toMatchObject({
      baseOffset: 0,
      lastOffset: 1,
      duplicate: false,
      appendTimeMs: -1,
    })
    expect(log.append(batch(['c']))).toMatchObject({ baseOffset: 2, lastOffset: 2 })
    await log.synced(offset(3))
    expect(log.syncedTo).toBe(3)
    log = await reopen()
    expect(log.highWatermark).toBe(3)
    expect(log.leaderEpoch).toBe(0)
    const read = log.read(offset(1), 1 << 20, 'read_uncommitted')
    expect(batchesOf(read.bytes).map((each) => [baseOffset(each), recordCount(each)])).toEqual([
      [0, 2],
      [2, 1],
    ])
    expect(read).toMatchObject({ highWatermark: 3, lastStable: 3, logStart: 0, aborted: [] })
    expect(log.append(batch(['d']))).toMatchObject({ baseOffset: 3 })
  })

  test('a read lies in the memory that is passed, whatever was there before', async () => {
    const log = await openTopic()
    for (const value of ['a', 'b', 'c']) log.append(batch([value]))
    const expected = log.read(offset(0), 1 << 20, 'read_uncommitted').bytes
    const slab = Buffer.alloc(4096)
    for (const from of [0, 1, 0, 2, 3]) {
      slab.fill(0xff)
      const { bytes } = log.read(offset(from), 1 << 20, 'read_uncommitted', (size) => slab.subarray(0, size))
      expect(bytes.equals(expected.subarray((expected.length / 3) * from))).toBe(true)
      if (bytes.length > 0) expect(bytes.buffer).toBe(slab.buffer)
    }
  })

  test('a read takes at most bytesMax, one batch at least, nothing at the end, and refuses what is outside', async () => {
    const log = await openTopic()
    const size = batch(['aaaa']).length
    for (const value of ['aaaa', 'bbbb', 'cccc']) log.append(batch([value]))
    expect(log.read(offset(0), size * 2 + 5, 'read_committed').bytes.length).toBe(size * 2)
    expect(log.read(offset(1), 1, 'read_uncommitted').bytes.length).toBe(size)
    expect(log.read(offset(3), 100, 'read_uncommitted').bytes.length).toBe(0)
    expect(() => log.read(offset(4), 100, 'read_uncommitted')).toThrow(/Offset 4 is not in \[0, 3\]/)
  })

  test('rolls by size, and reads, finds timestamps and reopens across segments', async () => {
    let log = await openTopic({ 'segment.bytes': '1000', 'index.interval.bytes': '100' })
    for (let i = 0; i < 200; i++) log.append(batch([`value-${i}`], { timestampMs: startMs + i * 10 }))
    for (let round = 0; round < 2; round++) {
      expect(
        fixture.disk.list(`${fixture.path}/orders-0`).filter((name) => name.endsWith('.log')).length,
      ).toBeGreaterThan(10)
      for (const from of [0, 1, 57, 123, 199]) {
        expect(baseOffset(batchesOf(log.read(offset(from), 1, 'read_uncommitted').bytes)[0]!)).toBe(from)
      }
      expect(log.offsetForTimestamp(startMs + 1001)).toEqual({
        offset: 101,
        timestampMs: startMs + 1010,
        leaderEpoch: 0,
      })
      expect(log.offsetForTimestamp(startMs + 2000)).toBeUndefined()
      expect(log.maxTimestamp()).toMatchObject({ offset: 199 })
      let next = 0
      while (next < 200) {
        const found = batchesOf(log.read(offset(next), 500, 'read_uncommitted').bytes)
        for (const each of found) expect(baseOffset(each)).toBe(next++)
      }
      log = await reopen()
      expect(log.highWatermark).toBe(200)
    }
  })

  test('rolls by record time and by a full index', async () => {
    const log = await openTopic({ 'segment.ms': '1000', 'index.interval.bytes': '0', 'segment.index.bytes': '40' })
    const bases = () => fixture.disk.list(`${fixture.path}/orders-0`).filter((name) => name.endsWith('.log')).length
    log.append(batch(['a'], { timestampMs: startMs - 5000 }))
    log.append(batch(['a'], { timestampMs: startMs - 4000 }))
    expect(bases()).toBe(1)
    log.append(batch(['a'], { timestampMs: startMs - 3999 }))
    expect(bases()).toBe(2)
    for (let i = 0; i < 8; i++) log.append(batch(['a'], { timestampMs: startMs - 3900 + i }))
    expect(bases()).toBeGreaterThan(2)
  })

  test('refuses what Kafka refuses, and nothing became visible', async () => {
    const log = await openTopic({
      'max.message.bytes': '200',
      'cleanup.policy': 'compact',
      'message.timestamp.before.max.ms': '1000',
    })
    const refused = (bad: () => unknown) => {
      try {
        bad()
      } catch (error) {
        return codeOf(error)
      }
      return undefined
    }
    expect(refused(() => log.append(batch(['x'.repeat(300)])))).toBe('MESSAGE_TOO_LARGE')
    expect(refused(() => log.append(batch(['x'], { key: null })))).toBe('INVALID_RECORD')
    expect(refused(() => log.append(batch(['x'], { control: true })))).toBe('INVALID_RECORD')
    expect(
      refused(() =>
        log.append(batch(['x'], { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })),
      ),
    ).toBe('INVALID_TXN_STATE')
    expect(refused(() => log.append(batch(['x'], { timestampMs: startMs + 3_600_001 })))).toBe('INVALID_TIMESTAMP')
    expect(refused(() => log.append(batch(['x'], { timestampMs: startMs - 1001 })))).toBe('INVALID_TIMESTAMP')
    expect(log.highWatermark).toBe(0)
    expect(refused(() => log.append(batch(['x'])))).toBeUndefined()
  })

  test('LogAppendTime is stamped, and stays in the bytes', async () => {
    const log = await openTopic({ 'message.timestamp.type': 'LogAppendTime' })
    expect(log.append(batch(['x'], { timestampMs: 5 }))).toMatchObject({ appendTimeMs: startMs })
    const [stored] = batchesOf(log.read(offset(0), 100, 'read_uncommitted').bytes)
    expect(timestampTypeOf(stored!)).toBe('LogAppendTime')
    expect(log.offsetForTimestamp(startMs)).toMatchObject({ offset: 0, timestampMs: startMs })
  })

  test("a topic's own codec: batches are encoded again, and are the same records of the same producer", async () => {
    const log = await openTopic({ 'compression.type': 'gzip' })
    const send = () => log.append(batch(['a'.repeat(500), 'b'], { producerId: 7, producerEpoch: 0, baseSequence: 0 }))
    send()
    const [stored] = batchesOf(log.read(offset(0), 1000, 'read_uncommitted').bytes)
    expect(codecOf(stored!)).toBe('gzip')
    const cursor = new BatchCursor().open(stored!)
    const values: string[] = []
    while (cursor.next())
      values.push(`${cursor.timestampMs} ${cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)}`)
    expect(values).toEqual([`${startMs} ${'a'.repeat(500)}`, `${startMs} b`])
    expect(send()).toMatchObject({ baseOffset: 0, duplicate: true })
  })

  test('an idempotent producer: duplicates of the last five, holes, old epochs, wrap; over a restart', async () => {
    let log = await openTopic()
    const send = (sequence: number, epoch = 3) =>
      log.append(batch(['a', 'b'], { producerId: 7, producerEpoch: epoch, baseSequence: sequence }))
    for (let i = 0; i < 6; i++) expect(send(i * 2)).toMatchObject({ baseOffset: i * 2, duplicate: false })
    expect(send(2)).toMatchObject({ baseOffset: 2, lastOffset: 3, duplicate: true })
    expect(() => send(0)).toThrow(/expected 12/)
    expect(() => send(14)).toThrow(/expected 12/)
    expect(() => send(12, 2)).toThrow(/INVALID_PRODUCER_EPOCH/)
    expect(() => send(5, 4)).toThrow(/OUT_OF_ORDER_SEQUENCE_NUMBER/)
    log = await reopen()
    expect(send(10)).toMatchObject({ baseOffset: 10, duplicate: true })
    expect(send(12)).toMatchObject({ baseOffset: 12, duplicate: false })
    expect(send(0, 4)).toMatchObject({ baseOffset: 14, duplicate: false })
    const wrap = (sequence: number) =>
      log.append(batch(['a', 'b'], { producerId: 8, producerEpoch: 0, baseSequence: sequence }))
    wrap(2_147_483_646)
    expect(wrap(0)).toMatchObject({ duplicate: false })
    expect(wrap(2_147_483_646)).toMatchObject({ duplicate: true })
    expect(log.highWatermark).toBe(20)
  })

  test('who waits for an offset is called once when it has passed, and not after it cancelled', async () => {
    const log = await openTopic()
    const called: string[] = []
    log.whenPast(offset(0), () => called.push('first'))
    log.whenPast(offset(1), () => called.push('second'))
    log.whenPast(offset(0), () => called.push('cancelled')).cancel()
    log.append(batch(['a']))
    expect(called).toEqual(['first'])
    log.append(batch(['a']))
    expect(called).toEqual(['first', 'second'])
    log.whenPast(offset(0), () => called.push('late'))
    await log.synced(offset(2))
    expect(called).toEqual(['first', 'second', 'late'])
  })

  test('the tail tells where readers in other threads stand', async () => {
    const log = await openTopic({ 'segment.bytes': '200' })
    const tails: unknown[] = []
    log.onTail((tail) => tails.push([tail?.activeBase, tail?.activeBytes, tail?.highWatermark]))
    const size = batch(['a']).length
    for (let i = 0; i < 3; i++) log.append(batch(['a']))
    expect(tails).toEqual([
      [0, size, 1],
      [0, size * 2, 2],
      [2, size, 3],
    ])
  })

  test('a missing or shortened index is made anew', async () => {
    let log = await openTopic({ 'segment.bytes': '1000', 'index.interval.bytes': '0' })
    for (let i = 0; i < 50; i++) log.append(batch([`v${i}`]))
    await directory.close()
    const names = fixture.disk.list(`${fixture.path}/orders-0`).filter((name) => /index$/.test(name))
    names.forEach((name, i) => {
      const path = `${fixture.path}/orders-0/${name}`
      if (i % 3 === 0) fixture.disk.remove(path)
      else {
        const file = fixture.disk.open(path, 'write')
        file.truncate(i % 3 === 1 ? 5 : 0)
        file.close()
      }
    })
    directory = await openAt(fixture)
    log = directory.partition('orders', 0)!
    for (let i = 0; i < 50; i++) {
      expect(baseOffset(batchesOf(log.read(offset(i), 1, 'read_uncommitted').bytes)[0]!)).toBe(i)
    }
    expect(log.offsetForTimestamp(startMs)).toMatchObject({ offset: 0 })
  })

  test('a damaged batch below the recovery point takes its partition offline, names file, position and both sums', async () => {
    await openTopic()
    await directory.createTopic({ name: 'other', partitions: 1, configs: configs() })
    directory.partition('orders', 0)!.append(batch(['precious']))
    await directory.close()
    const path = `${fixture.path}/orders-0/00000000000000000000.log`
    const file = fixture.disk.open(path, 'write')
    file.write(Buffer.from('!'), 0, 1, 66)
    file.close()
    directory = await openAt(fixture)
    expect(directory.partition('orders', 0)).toBeUndefined()
    expect(directory.partition('other', 0)?.highWatermark).toBe(0)
    expect(directory.offline('orders', 0)?.message).toMatch(
      /0000\.log:0: .*stored 0x[0-9a-f]{8}, computed 0x[0-9a-f]{8}/,
    )
    expect(fixture.disk.readWhole(path)?.subarray(66, 67).toString()).toBe('!')
  })

  test('damage that comes later is an error of the read that meets it', async () => {
    const log = await openTopic()
    log.append(batch(['aaaa']))
    const path = `${fixture.path}/orders-0/00000000000000000000.log`
    const file = fixture.disk.open(path, 'write')
    file.write(Buffer.from('!'), 0, 1, 66)
    file.close()
    expect(() => log.read(offset(0), 100, 'read_uncommitted')).toThrow(/0000\.log:0: .*CRC-32C stored .* computed/)
  })

  test('epochs: an unclean start begins a new one, and tells where the old one ended', async () => {
    let log = await openTopic()
    log.append(batch(['a']))
    if (fixture.name === 'node') return // the kill of a real process is in test/crash
    const { SimDisk } = await import('@millrace/kernel/sim')
    if (!(fixture.disk instanceof SimDisk)) throw new Error('not the simulated disk')
    fixture = { ...fixture, disk: fixture.disk.kill() }
    directory = await openAt(fixture)
    log = directory.partition('orders', 0)!
    expect(log.leaderEpoch).toBe(1)
    expect(log.highWatermark).toBe(1)
    log.append(batch(['b', 'c']))
    expect(batchesOf(log.read(offset(0), 1000, 'read_uncommitted').bytes).map(leaderEpoch)).toEqual([0, 1])
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 1 })
    expect(log.endOffsetForEpoch(1)).toEqual({ epoch: 1, endOffset: 3 })
    expect(log.endOffsetForEpoch(9)).toEqual({ epoch: 1, endOffset: 3 })
    log = await reopen()
    expect(log.leaderEpoch).toBe(1)
    expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 1 })
  })
})

test('Kafka can find its way: the files of a partition have its names', async () => {
  const [, makeFixture] = disks[0]!
  const fixture = makeFixture()
  const directory = await openAt(fixture)
  const topic = await directory.createTopic({ name: 'orders', partitions: 1, configs: configs() })
  directory.partition('orders', 0)!.append(batch(['a']))
  await directory.close()
  expect(fixture.disk.list(`${fixture.path}/orders-0`)).toEqual([
    '00000000000000000000.index',
    '00000000000000000000.log',
    '00000000000000000000.timeindex',
    '00000000000000000001.snapshot',
    'leader-epoch-checkpoint',
    'partition.metadata',
  ])
  expect(readFileSync(`${fixture.path}/orders-0/leader-epoch-checkpoint`, 'utf8')).toBe('0\n1\n0 0\n')
  expect(readFileSync(`${fixture.path}/orders-0/partition.metadata`, 'utf8')).toBe(
    `version: 0\ntopic_id: ${topic.topicId}`,
  )
  expect(readFileSync(`${fixture.path}/recovery-point-offset-checkpoint`, 'utf8')).toBe('0\n1\norders 0 1\n')
  fixture.remove()
})
