import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type GivenSettings, readSettings } from '../src/settings.ts'
import { unusedSetting, unusedSettings } from '../src/unused-settings.ts'
import { BrokerBench } from './broker-bench.ts'

/** As a properties file gives them: any name, all of it text. */
function fromFile(given: Readonly<Record<string, boolean | number | string>>): GivenSettings {
  return Object.fromEntries(Object.entries(given))
}

describe('defaults of topics', () => {
  const defaultOf = (config: string, given: Readonly<Record<string, boolean | number | string>>) =>
    readSettings(fromFile(given)).topicDefaults.get(config)

  test.each([
    ['retention.ms', { 'log.retention.hours': 24 }, '86400000'],
    ['retention.ms', { 'log.retention.hours': '24', 'log.retention.minutes': '5' }, '300000'],
    ['retention.ms', { 'log.retention.ms': '7', 'log.retention.minutes': 5, 'log.retention.hours': 1 }, '7'],
    ['retention.ms', { 'log.retention.hours': -1 }, '-1'],
    ['retention.ms', { 'log.retention.ms': -1, 'log.retention.hours': 1 }, '-1'],
    ['retention.bytes', { 'log.retention.bytes': 1_000_000 }, '1000000'],
    ['segment.bytes', { 'log.segment.bytes': ' 1048576 ' }, '1048576'],
    ['segment.ms', { 'log.roll.hours': 1 }, '3600000'],
    ['segment.ms', { 'log.roll.hours': 1, 'log.roll.ms': 5 }, '5'],
    ['segment.jitter.ms', { 'log.roll.jitter.hours': 2 }, '7200000'],
    ['cleanup.policy', { 'log.cleanup.policy': 'compact,delete' }, 'compact,delete'],
    ['delete.retention.ms', { 'log.cleaner.delete.retention.ms': 5 }, '5'],
    ['message.timestamp.type', { 'log.message.timestamp.type': 'LogAppendTime' }, 'LogAppendTime'],
    ['max.message.bytes', { 'message.max.bytes': 5 }, '5'],
    ['compression.type', { 'compression.type': 'zstd' }, 'zstd'],
    ['index.interval.bytes', { 'log.index.interval.bytes': 5 }, '5'],
    ['min.cleanable.dirty.ratio', { 'log.cleaner.min.cleanable.ratio': 0.25 }, '0.25'],
    ['flush.ms', { 'log.flush.interval.ms': '9223372036854775807' }, '9223372036854775807'],
    ['retention.ms', {}, undefined],
  ])('%s of %j is %s', (config, given, told) => {
    expect(defaultOf(config, fromFile(given) as Record<string, string>)).toBe(told)
  })

  test('the finest unit that is given counts, in whatever order they stand', () => {
    const units = { 'log.retention.ms': 1, 'log.retention.minutes': 60_000, 'log.retention.hours': 3_600_000 }
    const some = fc.shuffledSubarray(Object.keys(units) as (keyof typeof units)[])
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 1000 }), (names, count) => {
        const finest = Object.entries(units).find(([name]) => names.some((one) => one === name))
        const given = Object.fromEntries(names.map((name) => [name, count]))
        expect(defaultOf('retention.ms', given)).toBe(finest === undefined ? undefined : String(finest[1] * count))
      }),
    )
  })

  test.each([
    [{ 'log.retention.ms': 0 }, /^log\.retention\.ms: .*-1/],
    [{ 'log.retention.hours': 'week' }, /^log\.retention\.hours: .*whole number/],
    [{ 'log.retention.minutes': 2 ** 31 }, /^log\.retention\.minutes: .*at most 2147483647/],
    [{ 'log.roll.hours': 0 }, /^log\.roll\.hours: .*at least 1/],
    [{ 'log.cleanup.policy': 'compct' }, /^log\.cleanup\.policy: .*Did you mean compact/],
    [{ 'compression.type': 'lzma' }, /^compression\.type: /],
    [{ 'log.retention.ms': 1, 'log.retention.hours': 'week' }, /^log\.retention\.hours/],
    [{ 'log.retension.hours': 1 }, /Did you mean "log\.retention\.hours"/],
    [{ 'log.segment.byte': 1 }, /Did you mean "log\.segment\.bytes"/],
    [{ 'retention.ms': 1 }, /Did you mean "log\.retention\.ms"/],
  ])('%j is refused, by its name', (given, told) => {
    expect(() => readSettings(fromFile(given as Record<string, string>))).toThrow(told)
  })
})

describe("settings of Kafka's that one broker has no use for", () => {
  test('its own server.properties is understood, but for where the data lies', () => {
    const file = {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.bootstrap.servers': 'localhost:9093',
      'controller.listener.names': 'CONTROLLER',
      listeners: 'PLAINTEXT://127.0.0.1:9092',
      'num.network.threads': '3',
      'num.io.threads': '8',
      'socket.send.buffer.bytes': '102400',
      'socket.request.max.bytes': '104857600',
      'num.recovery.threads.per.data.dir': '1',
      'offsets.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'log.retention.hours': '168',
      'log.segment.bytes': '1073741824',
    }
    const { ignored, topicDefaults } = readSettings(fromFile(file))
    expect(ignored.map(({ name }) => name)).toEqual([
      'process.roles',
      'controller.quorum.bootstrap.servers',
      'controller.listener.names',
      'num.network.threads',
      'num.io.threads',
      'socket.send.buffer.bytes',
      'num.recovery.threads.per.data.dir',
    ])
    expect(topicDefaults.get('retention.ms')).toBe('604800000')
    expect(() => readSettings(fromFile({ ...file, 'log.dirs': '/tmp/kraft-combined-logs' }))).toThrow(/--data/)
  })

  test('what its owner would miss is refused, without its value', () => {
    const secret = 'org.apache.kafka.Login required password="s3cret";'
    expect(() => readSettings(fromFile({ 'sasl.jaas.config': secret }))).toThrow(/millrace users/)
    expect(() => readSettings(fromFile({ 'sasl.jaas.config': secret }))).not.toThrow(/s3cret/)
    expect(() => readSettings(fromFile({ 'offsets.topic.replication.factor': 3 }))).toThrow(/one broker/)
    expect(() => readSettings(fromFile({ 'broker.id': 3 }))).toThrow(/node\.id/)
  })

  test('each stands once, and none is a setting that there is', () => {
    const names = unusedSettings.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const known = [...Object.keys(readSettings())]
    expect(known.filter((name) => unusedSetting(name) !== undefined)).toEqual([])
    expect(unusedSetting('controller.quorum.voters')?.verdict).toBe('ignored')
    expect(unusedSetting('controllers')).toBeUndefined()
  })
})

test('a setting that Kafka has as a double takes fractions, any other whole numbers alone', async () => {
  const name = 'log.cleaner.io.buffer.load.factor'
  const factor = (text: string) => readSettings(fromFile({ [name]: text }))[name]
  expect([factor('0.75'), factor('.5'), factor('5e-1'), readSettings()[name]]).toEqual([0.75, 0.5, 0.5, 0.9])
  for (const text of ['0', '1', '-0.5', 'half', '']) expect(() => factor(text)).toThrow(/a number from 0\.01 to 0\.99/)
  expect(readSettings(fromFile({ 'log.cleaner.io.max.bytes.per.second': '1.5E6' }))).toMatchObject({
    'log.cleaner.io.max.bytes.per.second': 1_500_000,
  })
  expect(() => readSettings(fromFile({ 'num.partitions': '1.5' }))).toThrow(/a whole number/)
  const bench = await BrokerBench.start({ [name]: 0.6 })
  const asked = { resourceType: 4, resourceName: '0', configurationKeys: [name] }
  const { results } = await bench.send('describeConfigs', { resources: [asked] })
  expect(results[0]?.configs).toMatchObject([{ name, value: '0.6', configSource: 4, configType: 6 }])
})

test('DescribeConfigs tells under which name a default was given', async () => {
  const bench = await BrokerBench.start({ 'log.roll.hours': 3, 'log.roll.ms': 5 })
  const { results } = await bench.send('describeConfigs', {
    resources: [{ resourceType: 4, resourceName: '0', configurationKeys: ['log.retention.ms', 'log.retention.hours'] }],
    includeSynonyms: true,
  })
  const usual = [{ name: 'log.retention.hours', value: '168', source: 5 }]
  expect(results[0]?.configs).toMatchObject([
    { name: 'log.retention.ms', value: null, configSource: 5, synonyms: usual },
    { name: 'log.retention.hours', value: '168', configSource: 5, synonyms: usual },
  ])
})
