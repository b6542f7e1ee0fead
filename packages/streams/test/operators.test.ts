import { codeOf } from '@millrace/kernel'
import { defineTopology, json, long, type Serde, type StreamsBuilder, string, topic } from '@millrace/streams'
import { type TopologyDriver, topologyDriver } from '@millrace/testkit'
import { expect, test } from 'vitest'

const words = topic('words', { key: string(), value: string() })
const numbers = topic('numbers', { key: string(), value: long() })
const names = topic('names', { key: string(), value: string() })
const out = topic('out', { key: string(), value: string() })
const counts = topic('counts', { key: string(), value: long() })

function run(build: (builder: StreamsBuilder) => void): TopologyDriver {
  return topologyDriver(defineTopology('app', build))
}

function values(driver: TopologyDriver): (string | null)[][] {
  return driver.out(out).map(({ key, value }) => [key, value])
}

const three = [
  { key: 'a', value: 'one' },
  { key: 'b', value: 'three' },
  { key: 'c', value: null },
]

test('filter and filterNot judge values; tombstones pass', async () => {
  await using driver = run(({ stream }) => {
    const short = stream(words).filter((word) => word.length < 4)
    short.to(out)
  })
  driver.in(words, three)
  expect(values(driver)).toEqual([
    ['a', 'one'],
    ['c', null],
  ])
  await using other = run(({ stream }) =>
    stream(words)
      .filterNot((word) => word.length < 4)
      .to(out),
  )
  other.in(words, three)
  expect(values(other)).toEqual([
    ['b', 'three'],
    ['c', null],
  ])
})

test('mapValues, flatMapValues and peek see value and key', async () => {
  const seen: string[] = []
  await using driver = run(({ stream }) => {
    stream(words)
      .peek((word, key) => void seen.push(`${key}=${word}`))
      .mapValues((word, key) => `${key}${word}`)
      .flatMapValues((word) => [word, word.toUpperCase()])
      .to(out)
  })
  driver.in(words, three)
  expect(seen).toEqual(['a=one', 'b=three'])
  expect(values(driver)).toEqual([
    ['a', 'aone'],
    ['a', 'AONE'],
    ['b', 'bthree'],
    ['b', 'BTHREE'],
    ['c', null],
  ])
})

test('mapValues may make a tombstone', async () => {
  await using driver = run(({ stream }) => {
    stream(words)
      .mapValues((word) => (word === 'one' ? null : word))
      .filter((word): word is string => word !== null)
      .to(out)
  })
  driver.in(words, three)
  expect(values(driver).map(([key]) => key)).toEqual(['a', 'b', 'c'])
})

test('map, flatMap and selectKey change keys and drop tombstones, counted', async () => {
  await using driver = run(({ stream }) => {
    const source = stream(words)
    source.map((word, key) => [word, `map ${key}`] as const).to(out)
    source.flatMap((word, key) => [[word, `flat ${key}`] as const, ['x', 'y'] as const]).to(out)
    source.selectKey((word) => word.length.toString()).to(out)
  })
  driver.in(words, three)
  expect(values(driver)).toEqual([
    ['one', 'map a'],
    ['one', 'flat a'],
    ['x', 'y'],
    ['3', 'one'],
    ['three', 'map b'],
    ['three', 'flat b'],
    ['x', 'y'],
    ['5', 'three'],
  ])
  expect(driver.dropped).toEqual(new Map([['null-value', 3]]))
})

test('merge and forEach', async () => {
  const seen: (string | null)[] = []
  await using driver = run(({ stream }) => {
    const source = stream(words)
    const merged = source.filter((word) => word === 'one').merge(stream(names))
    merged.forEach((_value, key) => void seen.push(key))
    merged.to(out)
  })
  driver.in(words, three)
  driver.in(names, { key: 'n', value: 'name' })
  expect(values(driver)).toEqual([
    ['a', 'one'],
    ['c', null],
    ['n', 'name'],
  ])
  expect(seen).toEqual(['a', 'n'])
})

test('headers and timestamps ride along; what nothing changed is copied as the bytes it came as', async () => {
  const raw = { key: string(), value: json<{ a: number }>() }
  await using driver = run(({ stream }) => {
    const source = stream(topic('raw', raw)).filter((value) => value.a === 1)
    source.to(topic('copy', raw))
    source.mapValues((value) => ({ ...value })).to(topic('written', raw))
  })
  const value = Buffer.from('{ "a" : 1 }')
  driver.rawIn('raw', [{ key: Buffer.from('k'), value, timestampMs: 77, headers: [{ key: 'h', value: 'v' }] }])
  const [copy] = driver.rawOut('copy')
  expect(copy?.timestampMs).toBe(77)
  expect(copy?.headers.map((header) => [header.key, header.value?.toString()])).toEqual([['h', 'v']])
  expect(copy?.value).toEqual(value)
  expect(driver.rawOut('written')[0]?.value?.toString()).toBe('{"a":1}')
})

test('count, reduce and aggregate; null keys and values are dropped; the timestamp is the latest', async () => {
  await using driver = run(({ stream }) => {
    const grouped = stream(numbers).groupByKey()
    grouped.count({ store: 'count' }).toStream().to(counts)
    grouped.reduce((sum, value) => sum + value, { store: 'sum' })
    grouped.aggregate(
      () => [] as number[],
      (list, value) => [...list, value],
      { store: 'list', value: json<number[]>() },
    )
  })
  driver.in(numbers, [
    { key: 'a', value: 5, timestampMs: 10 },
    { key: 'a', value: 6, timestampMs: 4 },
    { key: null, value: 1, timestampMs: 10 },
    { key: 'b', value: null, timestampMs: 10 },
  ])
  expect(driver.table('count').entries()).toEqual([{ key: 'a', value: 2, timestampMs: 10 }])
  expect(driver.table('sum').get('a')).toBe(11)
  expect(driver.table('list').get('a')).toEqual([5, 6])
  expect(driver.dropped.get('null-key')).toBe(3)
  expect(driver.dropped.get('null-value')).toBe(3)
  driver.commit()
  expect(driver.out(counts)).toMatchObject([{ key: 'a', value: 2, timestampMs: 10 }])
})

test('stream-table join: only the stream makes records; null rules of both kinds', async () => {
  await using driver = run(({ stream, table }) => {
    const known = table(names, { store: 'names' })
    stream(words)
      .join(known, (word, name, key) => `${key}:${word}+${name}`)
      .to(out)
    stream(words)
      .leftJoin(known, (word, name) => `${word}+${name}`)
      .to(topic('left', { key: string(), value: string() }))
  })
  const at = (timestampMs: number, key: string | null, value: string | null) => ({ timestampMs, key, value })
  driver.in(words, at(3, 'k', 'A'))
  driver.in(names, at(4, 'k', 'a'))
  driver.in(words, at(5, 'k', 'B'))
  driver.in(names, at(6, 'k', 'b'))
  driver.in(names, at(8, 'k', null))
  driver.in(words, at(9, 'k', 'C'))
  driver.in(words, [at(10, null, 'N'), at(11, 'k', null)])
  driver.in(names, at(14, 'k', 'd'))
  driver.in(words, at(15, 'k', 'D'))
  expect(driver.out(out).map(({ value, timestampMs }) => [timestampMs, value])).toEqual([
    [5, 'k:B+a'],
    [15, 'k:D+d'],
  ])
  expect(driver.out('left').map(({ value }) => value)).toEqual(['A+null', 'B+a', 'C+null', 'N+null', 'D+d'])
  expect(driver.dropped.get('null-key')).toBe(1)
  expect(driver.dropped.get('null-value')).toBe(2)
  expect(driver.dropped.get('no-table-value')).toBe(2)
})

test('repartition, toTable and groupBy go through topics of their own', async () => {
  const topology = defineTopology('app', ({ stream }) => {
    stream(words)
      .selectKey((word) => word.slice(0, 1))
      .repartition({ name: 'first-letter', partitions: 3 })
      .toTable({ store: 'latest' })
      .toStream()
      .to(out)
  })
  await using driver = topologyDriver(topology, { partitions: 2 })
  driver.in(words, [
    { key: 'x', value: 'alpha', timestampMs: 1 },
    { key: 'x', value: 'beta', timestampMs: 2 },
    { key: 'x', value: 'apple', timestampMs: 3 },
  ])
  driver.commit()
  const latest = driver.out(out).map(({ key, value }) => [key, value])
  expect(latest.sort()).toEqual([
    ['a', 'apple'],
    ['b', 'beta'],
  ])
  const partitions = new Set(driver.rawOut('app-first-letter-repartition').map(({ partition }) => partition))
  expect(partitions.size).toBeGreaterThan(1)
  expect(driver.plan.repartitionTopics.map(({ name, partitions }) => [name, partitions])).toEqual([
    ['app-first-letter-repartition', 3],
  ])
})

test('a function that throws: fail stops, skip counts, dead-letter keeps the bytes', async () => {
  const broken = (errors: object) =>
    topologyDriver(defineTopology('app', ({ stream }) => stream(words).mapValues(explode).to(out), { errors }))
  function explode(word: string): string {
    if (word === 'bad') throw new Error('no such word')
    return word
  }
  const input = ['good', 'bad', 'fine'].map((value, i) => ({ key: 'k', value, timestampMs: i }))

  await using failing = broken({})
  let thrown: unknown
  try {
    failing.in(words, input)
  } catch (error) {
    thrown = error
  }
  expect(codeOf(thrown)).toBe('USER_CODE')
  expect(String(thrown)).toMatch(/words\.mapValues, words-0@1.*no such word.*errors\.processing/)

  await using skipping = broken({ processing: 'skip' })
  skipping.in(words, input)
  expect(values(skipping).map(([, value]) => value)).toEqual(['good', 'fine'])
  expect(skipping.dropped).toEqual(new Map([['processing', 1]]))

  await using keeping = broken({ processing: 'dead-letter', deadLetterTopic: 'dead' })
  keeping.in(words, input)
  const [dead] = keeping.rawOut('dead')
  expect(dead?.value?.toString()).toBe('bad')
  const headers = new Map(dead?.headers.map(({ key, value }) => [key, value?.toString()]))
  expect(headers.get('__streams.errors.message')).toMatch(/no such word/)
  expect(headers.get('__streams.errors.offset')).toBe('1')
})

test('bytes that a serde cannot read follow their own policy, and only where a step looks', async () => {
  const topology = defineTopology(
    'app',
    ({ stream }) => {
      const source = stream(topic('objects', { key: string(), value: json<{ n: number }>() }))
      source.mapValues(({ n }) => String(n), string()).to(out)
      source.selectKey(({ n }) => String(n)).to(topic('again', { key: string(), value: json() }))
      source.groupByKey().count({ store: 'all' })
    },
    { errors: { deserialization: 'dead-letter', deadLetterTopic: 'dead' } },
  )
  await using driver = topologyDriver(topology)
  const key = Buffer.from('k')
  driver.rawIn('objects', [
    { key, value: Buffer.from('{"n":1}') },
    { key, value: Buffer.from('{"n":') },
    { key, value: Buffer.from('{"n":3}') },
  ])
  expect(driver.table('all').get('k')).toBe(3)
  expect(values(driver)).toEqual([
    ['k', '1'],
    ['k', '3'],
  ])
  expect(driver.dropped).toEqual(new Map([['deserialization', 1]]))
  expect(driver.rawOut('dead').map(({ value }) => value?.toString())).toEqual(['{"n":'])
})

test('timestamps below zero are dropped', async () => {
  await using driver = run(({ stream }) => stream(words).to(out))
  driver.in(words, { key: 'k', value: 'v', timestampMs: -1 })
  expect(values(driver)).toEqual([])
  expect(driver.dropped).toEqual(new Map([['negative-timestamp', 1]]))
})

test("a table's value is written once: the sink copies what the store wrote", async () => {
  let writes = 0
  const base = json<number[]>()
  const counting: Serde<number[]> = {
    name: 'counting',
    read: (bytes, from, to) => base.read(bytes, from, to),
    write(value, into) {
      writes++
      base.write(value, into)
    },
  }
  await using driver = run(({ stream }) => {
    const lists = stream(numbers)
      .groupByKey()
      .aggregate(
        () => [] as number[],
        (list, value) => [...list, value],
        { store: 'lists', value: counting },
      )
      .toStream()
    lists.to(topic('copied', { key: string(), value: counting }))
    lists.mapValues((list) => list.toReversed()).to(topic('changed', { key: string(), value: counting }))
  })
  driver.in(
    numbers,
    [1, 2, 3].map((value) => ({ key: 'k', value })),
  )
  driver.commit()
  expect(driver.rawOut('copied').map(({ value }) => value?.toString())).toEqual(['[1,2,3]'])
  expect(driver.rawOut('changed').map(({ value }) => value?.toString())).toEqual(['[3,2,1]'])
  expect(writes).toBe(2)
})

test('a sink that validates sees the value, also where nothing changed it', async () => {
  const plain = topic('plain', { key: string(), value: json<{ n: number }>() })
  const strict = json<{ n: number }>({ schema: { type: 'object', properties: { n: { type: 'number', maximum: 9 } } } })
  const topology = defineTopology(
    'v',
    ({ stream }) => stream(plain).to(topic('strict', { key: string(), value: strict })),
    {
      errors: { production: 'skip' },
    },
  )
  await using driver = topologyDriver(topology)
  driver.in(
    plain,
    [5, 10].map((n) => ({ key: 'k', value: { n } })),
  )
  expect(driver.rawOut('strict').map(({ value }) => value?.toString())).toEqual(['{"n":5}'])
  expect(driver.dropped.get('production')).toBe(1)
})
