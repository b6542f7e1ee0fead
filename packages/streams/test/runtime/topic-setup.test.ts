import { silentLog } from '@millrace/kernel'
import { SimClock } from '@millrace/kernel/sim'
import { defineTopology, string, topic } from '@millrace/streams'
import { planTopology } from '@millrace/streams/internal'
import { expect, it } from 'vitest'
import { setUpTopics } from '../../src/runtime/topic-setup.ts'

const text = { key: string(), value: string() }
const copy = defineTopology('copy', ({ stream }) => {
  stream(topic('from', text)).to(topic('into', text))
})

/** A cluster that holds these topics, of one partition. */
function clusterWith(...topics: readonly string[]) {
  const known = new Set(topics)
  const partitions = [{ partition: 0, leader: 0, leaderEpoch: 0, replicas: [0], inSync: [0], offline: [] }]
  const describe = (name: string) => ({
    name,
    topicId: name,
    internal: false,
    partitions,
  })
  return {
    describeTopics: async (names: readonly string[]) => names.filter((name) => known.has(name)).map(describe),
    createTopics: async () => [],
  }
}

/** How the set-up ends, a minute on; and what it told of on the way. */
async function setUp(cluster: ReturnType<typeof clusterWith>) {
  const clock = new SimClock()
  const told: string[] = []
  const { signal } = new AbortController()
  const done = setUpTopics(planTopology(copy), cluster, clock, silentLog, signal, (missing) =>
    told.push(missing.join()),
  )
  const ended = done.then(
    () => 'set up',
    (error: Error) => error.message,
  )
  await clock.advance(60_000)
  return { ended: await ended, told }
}

it('topics that are there are not told of', async () => {
  expect(await setUp(clusterWith('from', 'into'))).toEqual({ ended: 'set up', told: [] })
})

it.each([
  [['into'], 'from', /^topology source of copy: does not exist \(got "from"\).*millrace topics create from$/],
  [['from'], 'into', /^topics of copy: does not exist \(got "into"\).*millrace topics create into$/],
  [[], 'from,into', /^topics of copy: do not exist.*millrace topics create from; millrace topics create into$/],
])(
  'with %j alone the others are told of at once, and the application fails with what to type',
  async (...[there, missing, says]) => {
    const { ended, told } = await setUp(clusterWith(...there))
    expect(told).toEqual([missing])
    expect(ended).toMatch(says)
  },
)
