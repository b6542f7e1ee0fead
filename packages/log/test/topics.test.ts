import { SimDisk } from '@millrace/kernel/sim'
import { describe, expect, test } from 'vitest'
import { topicConfigTable } from '../src/index.ts'
import { checkTopicConfigs, checkTopicName, type LogDirectoryOptions, openLogDirectory } from '../src/internal.ts'
import { batch, disks, openAt, ports } from './fixture.ts'

describe('topic names', () => {
  test.each([
    ['', /not empty/],
    ['.', /not "\."/],
    ['..', /not "\."/],
    ['a b', /only ASCII letters/],
    ['ü', /only ASCII letters/],
    ['x'.repeat(250), /at most 249/],
  ])('%j is refused', (name, rule) => {
    expect(() => checkTopicName(name)).toThrow(rule)
    expect(() => checkTopicName(name)).toThrow(/INVALID_TOPIC_EXCEPTION/)
  })

  test('a dot and an underscore collide', () => {
    expect(() => checkTopicName('a.b', ['a_b'])).toThrow(/collides with topic "a_b"/)
    checkTopicName('a.b', ['a.b', 'a-b'])
    checkTopicName('x'.repeat(249))
  })
})

describe('topic configs', () => {
  test('every default passes its own rule, and names are sorted and unique', () => {
    checkTopicConfigs(new Map(topicConfigTable.map((entry) => [entry.name, entry.default])))
    const names = topicConfigTable.map((entry) => entry.name)
    expect(names).toEqual([...new Set(names)].sort())
  })

  test.each([
    ['retention.mss', '1', /Did you mean retention\.ms\?/],
    ['retention.ms', 'a week', /not a number/],
    ['retention.ms', '-2', /at least -1/],
    ['retention.ms', '9223372036854775808', /at most/],
    ['segment.bytes', '2147483648', /at most 2147483647/],
    ['cleanup.policy', 'compact,remove', /one of delete, compact/],
    ['cleanup.policy', 'compact,compact', /twice/],
    ['compression.type', 'zstandard', /Did you mean|one of/],
    ['preallocate', 'yes', /true or false/],
    ['preallocate', 'TRUE', /can only be false/],
    ['remote.storage.enable', 'true', /can only be false/],
    ['min.cleanable.dirty.ratio', '1.5', /at most 1/],
  ])('%s=%s is refused', (name, value, rule) => {
    expect(() => checkTopicConfigs(new Map([[name, value]]))).toThrow(rule)
  })
})

describe.each(disks)('topics on the %s', (_, makeFixture) => {
  test('are created, grown, altered, deleted, and stay so over a restart', async () => {
    const fixture = makeFixture()
    let directory = await openAt(fixture)
    const configs = new Map([['retention.ms', '-1']])
    const created = await directory.createTopic({ name: 'a', partitions: 2, configs })
    await directory.createTopic({ name: 'b', partitions: 1, configs: new Map() })
    const code = async (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error: { code?: string }) => error.code,
      )
    expect(await code(directory.createTopic({ name: 'a', partitions: 1, configs }))).toBe('TOPIC_ALREADY_EXISTS')
    expect(await code(directory.createTopic({ name: 'c', partitions: 0, configs }))).toBe('INVALID_PARTITIONS')
    expect(await code(directory.addPartitions('a', 2))).toBe('INVALID_PARTITIONS')
    expect(await code(directory.deleteTopic('c'))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    await directory.addPartitions('a', 3)
    await directory.alterConfigs('a', new Map([['segment.ms', '5']]))
    await directory.deleteTopic('b')
    const { clusterId } = directory
    for (let round = 0; round < 2; round++) {
      expect(directory.topics().map(({ name, partitions }) => [name, partitions])).toEqual([['a', 3]])
      expect(directory.topic('a')).toMatchObject({ topicId: created.topicId, configs: new Map([['segment.ms', '5']]) })
      expect(directory.partition('a', 2)?.highWatermark).toBe(0)
      expect(directory.partition('a', 3)).toBeUndefined()
      expect(directory.partition('b', 0)).toBeUndefined()
      expect(fixture.disk.exists(`${fixture.path}/b-0`)).toBe(false)
      expect(directory.clusterId).toBe(clusterId)
      await directory.close()
      directory = await openAt(fixture)
    }
    await directory.close()
    fixture.remove()
  })

  test('what a deleted topic had goes in the background, or at the next start; its name is free at once', async () => {
    const disk = new SimDisk()
    let released = () => {}
    const hold = new Promise<void>((resolve) => {
      released = resolve
    })
    const slow = new Proxy(disk, {
      get(target, name) {
        if (name === 'removeInBackground') return (path: string) => hold.then(() => disk.removeInBackground(path))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const directory = await openLogDirectory('/data', ports(slow))
    const name = 'l'.repeat(249) // the longest there is
    for (let round = 0; round < 2; round++) {
      await directory.createTopic({ name, partitions: 2, configs: new Map() })
      const log = directory.partition(name, 1)!
      expect(log.highWatermark).toBe(0)
      log.append(batch(['a']))
      await directory.deleteTopic(name)
    }
    const left = () => disk.list('/data').filter((each) => each.endsWith('-delete'))
    expect(left()).toHaveLength(4)
    expect(left().every((each) => each.length <= 255)).toBe(true)
    const killed = disk.kill()
    released()
    await directory.close()
    expect(left().length).toBeLessThan(4)
    killed.makeDirectory('/data/backup-delete')
    const again = await openLogDirectory('/data', ports(killed))
    await again.close()
    await (await openLogDirectory('/data', ports(killed))).close()
    expect(killed.list('/data').filter((each) => each.endsWith('-delete'))).toEqual(['backup-delete'])
  })

  test('a topic of the same name: nothing is written into files of the one that was deleted', async () => {
    const disk = new SimDisk()
    const directory = await openAt({ path: '/data', disk })
    const configs = new Map([['segment.bytes', '400']])
    const rolled = async () => {
      await directory.createTopic({ name: 'orders', partitions: 1, configs })
      const log = directory.partition('orders', 0)!
      while (log.tail.activeBase === 0) log.append(batch(['value']))
      return log
    }
    await rolled() // what belongs to the sealed segment is still to be synced
    await directory.deleteTopic('orders')
    const log = await rolled()
    await log.synced(log.highWatermark)
    const snapshot = `/data/orders-0/${String(log.tail.activeBase).padStart(20, '0')}.snapshot`
    expect(disk.readWhole(snapshot)?.length).toBe(10)
    await directory.close()
  })

  test('a directory belongs to one broker of one cluster', async () => {
    const fixture = makeFixture()
    const { disk, path } = fixture
    const place = `${path}/meta.properties`
    const opened = async (options: LogDirectoryOptions) => {
      const directory = await openAt(fixture, options)
      await directory.close()
      return directory.clusterId
    }
    expect(await opened({ clusterId: 'one', nodeId: 7 })).toBe('one')
    expect(disk.readWhole(place)?.toString()).toMatch(/^version=1\ncluster\.id=one\nnode\.id=7\ndirectory\.id=.+\n$/m)
    expect(await opened({ nodeId: 7 })).toBe('one')
    expect(await opened({})).toBe('one')
    const foreign = opened({ nodeId: 8 })
    await expect(foreign).rejects.toMatchObject({ code: 'CONFIG', place })
    await expect(foreign).rejects.toThrow(/belongs to broker 7 \(got 8\)\. Set node\.id=7/)
    await expect(opened({ nodeId: 1 })).rejects.toThrow(/belongs to broker 7/)
    const other = opened({ clusterId: 'two', nodeId: 7 })
    await expect(other).rejects.toMatchObject({ code: 'CONFIG', place })
    await expect(other).rejects.toThrow(/belongs to cluster one \(got "two"\)\. Give the cluster id one/)
    await expect(opened({ nodeId: -1 })).rejects.toThrow(/nodeId/)
    fixture.remove()
  })

  test('a directory of an earlier release, which did not keep the id, becomes that of who opens it first', async () => {
    const fixture = makeFixture()
    const { disk, path } = fixture
    const place = `${path}/meta.properties`
    disk.makeDirectory(path)
    const text = Buffer.from('version=1\ncluster.id=old\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n')
    disk.open(place, 'create').write(text, 0, text.length, 0)
    const directory = await openAt(fixture, { nodeId: 0 })
    expect(directory.clusterId).toBe('old')
    await directory.close()
    expect(disk.readWhole(place)?.toString()).toMatch(/directory\.id=AAAAAAAAAAAAAAAAAAAAAQ\nnode\.id=0\n$/)
    await expect(openAt(fixture, { nodeId: 1 })).rejects.toThrow(/belongs to broker 0/)
    await (await openAt(fixture, { nodeId: 0 })).close()
    fixture.remove()
  })

  test('few file handles serve many partitions', async () => {
    const fixture = makeFixture()
    const directory = await openLogDirectory(fixture.path, ports(fixture.disk), { openFilesMax: 8 })
    await directory.createTopic({ name: 'wide', partitions: 40, configs: new Map() })
    const { batchesOf } = await import('./fixture.ts')
    const { offset } = await import('@millrace/kernel')
    for (let i = 0; i < 120; i++) directory.partition('wide', i % 40)?.append(batch([`v${i}`]))
    for (let p = 0; p < 40; p++) {
      const log = directory.partition('wide', p)!
      await log.synced(log.highWatermark)
      expect(batchesOf(log.read(offset(0), 10_000, 'read_uncommitted').bytes).length).toBe(3)
    }
    await directory.close()
    fixture.remove()
  })

  test('a misspelt option is refused before anything is touched', async () => {
    const fixture = makeFixture()
    const misspelt = { openFilesMax: 100, openFileMax: 100 }
    await expect(openLogDirectory(`${fixture.path}/new`, ports(fixture.disk), misspelt)).rejects.toThrow(/openFilesMax/)
    expect(fixture.disk.exists(`${fixture.path}/new`)).toBe(false)
    fixture.remove()
  })
})
