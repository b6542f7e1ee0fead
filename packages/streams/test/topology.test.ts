import { codeOf } from '@millrace/kernel'
import {
  defineTopology,
  drawTopology,
  json,
  long,
  printTopology,
  type StreamsBuilder,
  string,
  type Topology,
  type TopologyOptions,
  topic,
  tumbling,
} from '@millrace/streams'
import { planTopology, resolvePartitions } from '@millrace/streams/internal'
import { expect, test } from 'vitest'

const flights = topic('flights', { key: string(), value: json<{ to: string; delay: number }>() })
const airports = topic('airports', { key: string(), value: json<{ name: string }>() })
const routes = topic('routes', { key: string(), value: long() })

const build = ({ stream, table }: StreamsBuilder): void => {
  const known = table(airports, { store: 'airports' })
  const source = stream(flights)
  source
    .leftJoin(known, (flight, airport) => ({ ...flight, name: airport?.name ?? null }))
    .groupByKey({ value: json() })
    .windowedBy(tumbling({ hours: 1 }).grace({ minutes: 5 }))
    .count({ store: 'per-hour', retention: { days: 2 } })
  source
    .groupBy((flight, from) => `${from}~${flight.to}`, { key: string() })
    .count({ store: 'per-route' })
    .toStream()
    .to(routes)
}

const topology = defineTopology('flights-app', build)

test('it prints, with sub-topologies as the repartition cuts them', () => {
  expect(printTopology(topology)).toMatchInlineSnapshot(`
    "Topology flights-app (a275eea77636e762)
      Sub-topology 0
        source airports [topic airports, key string, value json]
          --> airports-2
        table airports-2 [store airports]
          <-- airports
        source flights [topic flights, key string, value json]
          --> flights.leftJoin, flights.selectKey
        leftJoin flights.leftJoin [store airports]
          <-- flights
          --> per-hour
        aggregate per-hour [store per-hour, combines count, key string, windowSizeMs 3600000, windowGraceMs 300000]
          <-- flights.leftJoin
        selectKey flights.selectKey
          <-- flights
          --> per-route-repartition-sink
        sink per-route-repartition-sink [topic (per-route-repartition), key string, value json]
          <-- flights.selectKey
      Sub-topology 1
        source per-route-repartition [topic (per-route-repartition), key string, value json]
          --> per-route
        aggregate per-route [store per-route, combines count, key string]
          <-- per-route-repartition
          --> per-route.toStream
        toStream per-route.toStream
          <-- per-route
          --> per-route.toStream.to
        sink per-route.toStream.to [topic routes, key string, value long]
          <-- per-route.toStream
    "
  `)
  expect(drawTopology(topology).split('\n').slice(0, 3)).toEqual([
    'flowchart LR',
    '  subgraph sub0["Sub-topology 0"]',
    '    n0["source<br/>airports"]',
  ])
})

test('the plan: real names, internal topics with their settings, what must be created', () => {
  const plan = planTopology(topology)
  expect(plan.subtopologies.map(({ sourceTopics, sinkTopics }) => [sourceTopics, sinkTopics])).toEqual([
    [['airports', 'flights'], ['flights-app-per-route-repartition']],
    [['flights-app-per-route-repartition'], ['routes']],
  ])
  expect(plan.externalSourceTopics).toEqual(['airports', 'flights'])
  expect(plan.subtopologies[0]?.copartitioned).toEqual([['airports', 'flights']])
  expect(
    plan.repartitionTopics.map(({ name, config }) => [name, config['cleanup.policy'], config['retention.ms']]),
  ).toEqual([['flights-app-per-route-repartition', 'delete', '-1']])
  expect(plan.changelogTopics.map(({ name, config }) => [name, config['cleanup.policy']])).toEqual([
    ['flights-app-airports-changelog', 'compact'],
    ['flights-app-per-hour-changelog', 'compact'],
    ['flights-app-per-route-changelog', 'compact'],
  ])
  expect(planTopology(topology, 'other').changelogTopics[0]?.name).toBe('other-airports-changelog')
})

test('partitions follow from the inputs; joined topics must agree', () => {
  const plan = planTopology(topology)
  const counts = resolvePartitions(plan, (name) => ({ flights: 4, airports: 4 })[name])
  expect(counts.tasks).toEqual([4, 4])
  expect(counts.topics.get('flights-app-per-route-repartition')).toBe(4)
  expect(counts.topics.get('flights-app-per-hour-changelog')).toBe(4)
  const kept = resolvePartitions(plan, (name) => (name.endsWith('repartition') ? 2 : 4))
  expect(kept.tasks).toEqual([4, 2])
  expect(() => resolvePartitions(plan, (name) => ({ flights: 4, airports: 1 })[name])).toThrow(
    /joins topics with different numbers of partitions.*airports: 1, flights: 4.*\.repartition/,
  )
  expect(() => resolvePartitions(plan, (name) => ({ flights: 4 })[name])).toThrow(/does not exist.*airports/)
})

test('a repartition before a join takes the partitions of what it meets', () => {
  const plan = planTopology(
    defineTopology('j', ({ stream, table }) => {
      const known = table(airports, { store: 'airports' })
      const rekeyed = stream(flights).selectKey(({ to }) => to)
      rekeyed.join(known, (flight) => flight, { name: 'by-destination' }).to(flights)
    }),
  )
  const counts = resolvePartitions(plan, (name) => ({ flights: 6, airports: 3 })[name])
  expect(counts.topics.get('j-by-destination-repartition')).toBe(3)
})

test('the same program has the same fingerprint; another serde, store or edge gives another', () => {
  expect(defineTopology('flights-app', build).fingerprint).toBe(topology.fingerprint)
  const variants: ((builder: StreamsBuilder) => void)[] = [
    ({ stream }) => stream(routes).to(routes),
    ({ stream }) =>
      stream(routes)
        .filter(() => true)
        .to(routes),
    ({ stream }) => stream(topic('routes', { key: string(), value: json<number>() })).to(routes),
    ({ stream }) => void stream(routes).groupByKey().count({ store: 'a' }),
    ({ stream }) => void stream(routes).groupByKey().count({ store: 'b' }),
    ({ stream }) =>
      void stream(routes)
        .groupByKey()
        .windowedBy(tumbling({ ms: 5 }))
        .count({ store: 'b' }),
    ({ stream }) =>
      void stream(routes)
        .groupByKey()
        .windowedBy(tumbling({ ms: 5 }).grace({ ms: 1 }))
        .count({ store: 'b' }),
  ]
  const prints = variants.map((variant) => defineTopology('v', variant).fingerprint)
  expect(new Set(prints).size).toBe(variants.length)
  for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/)
})

test('a topology is frozen, and cannot be added to afterwards', () => {
  expect(Object.isFrozen(topology)).toBe(true)
  expect(Object.isFrozen(topology.nodes)).toBe(true)
  expect(topology.nodes.every((node) => Object.isFrozen(node) && Object.isFrozen(node.parents))).toBe(true)
  let escaped: StreamsBuilder | undefined
  defineTopology('e', (builder) => {
    escaped = builder
    builder.stream(routes).to(routes)
  })
  expect(() => escaped?.stream(flights)).toThrow(/is built already/)
})

type Refusal = readonly [string, RegExp, (builder: StreamsBuilder) => void, options?: TopologyOptions]

const refusals: readonly Refusal[] = [
  [
    'a store without a name',
    /count\.store: is missing.*autoNames/,
    ({ stream }) => void stream(routes).groupByKey().count(),
  ],
  [
    'a store name used twice',
    /used by two steps.*"x"/,
    ({ stream }) => {
      stream(routes).groupByKey().count({ store: 'x' })
      stream(routes).groupByKey().count({ store: 'x' })
    },
  ],
  [
    'a store name no topic can have',
    /not a name that Kafka allows.*"a b"/,
    ({ table }) => void table(routes, { store: 'a b' }),
  ],
  [
    'a retention shorter than size and grace',
    /at least size \+ grace, 70000 ms/,
    ({ stream }) =>
      void stream(routes)
        .groupByKey()
        .windowedBy(tumbling({ minutes: 1 }).grace({ seconds: 10 }))
        .count({ store: 'x', retention: { minutes: 1 } }),
  ],
  ['a window without a length', /tumbling size: must be longer than zero/, () => void tumbling({ ms: 0 })],
  [
    'a re-keyed join without a name',
    /routes\.selectKey\.join name: is missing/,
    ({ stream, table }) => {
      const known = table(airports, { store: 'a' })
      stream(routes)
        .selectKey(String)
        .join(known, (value) => value)
    },
  ],
  [
    'a misspelt option',
    /count\.stroe: is not an option.*Did you mean store\?/,
    ({ stream }) => {
      const options: object = { stroe: 'x' }
      stream(routes).groupByKey().count(options)
    },
  ],
  [
    'a topic read with two serdes',
    /routes: is read twice with different serdes/,
    ({ stream }) => {
      stream(routes).to(routes)
      stream(topic('routes', { key: string(), value: string() })).forEach(() => {})
    },
  ],
  [
    'dead letters without a topic',
    /errors\.deadLetterTopic: is needed/,
    () => {},
    { errors: { processing: 'dead-letter' } },
  ],
  ['nothing read', /reads nothing/, () => {}],
]

test.each(refusals.map((refusal) => ({ name: refusal[0], refusal })))('refused: $name', ({ refusal }) => {
  const [, message, program, options] = refusal
  let made: Topology | undefined
  let thrown: unknown
  try {
    made = defineTopology('refused', program, options)
  } catch (error) {
    thrown = error
  }
  expect(made).toBeUndefined()
  expect(codeOf(thrown)).toBe('CONFIG')
  expect(String(thrown)).toMatch(message)
})

test('names may be made up where that was asked for', () => {
  const auto = defineTopology('auto', ({ stream }) => void stream(routes).groupByKey().count(), { autoNames: true })
  expect(auto.stores.map(({ name }) => name)).toEqual(['count-store'])
})

test('names that Kafka refuses are refused', () => {
  for (const name of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250)]) {
    expect(() => topic(name, { key: string(), value: string() })).toThrow(/Kafka allows/)
  }
  expect(() => planTopology(topology, 'x'.repeat(240))).toThrow(/Kafka allows/)
})
