import { offset, TopicPartitionMap } from '@millrace/kernel'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostileCluster } from './hostile-cluster.ts'

const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 8)
let histories = 0

type Step =
  | { readonly kind: 'create' | 'delete' | 'grow' | 'configure' | 'delete records'; readonly topic: number }
  | { readonly kind: 'positions'; readonly topic: number; readonly to: number }

const topic = fc.nat(2)
const kinds = ['create', 'create', 'delete', 'grow', 'configure', 'delete records'] as const
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom(...kinds), topic }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('positions' as const), topic, to: fc.nat(9) }) },
)

/** What there should be: partitions and configured value by topic, positions of the group. */
interface Model {
  readonly topics: Map<string, { partitions: number; retention: string | undefined }>
  readonly positions: Map<string, number>
}

describe('an admin on a hostile network', () => {
  let cluster: HostileCluster
  beforeAll(async () => {
    cluster = await HostileCluster.start()
  })
  afterAll(() => cluster.stop())

  async function take(one: Step, prefix: string, model: Model): Promise<void> {
    const admin = cluster.client().admin()
    const name = `${prefix}-${one.topic}`
    const known = model.topics.get(name)
    if (one.kind === 'create') {
      const made = await admin.createTopics([{ name, partitions: 1 }])
      if (known !== undefined) expect(made).toEqual([])
      else model.topics.set(name, { partitions: 1, retention: undefined })
    } else if (known === undefined) return
    else if (one.kind === 'delete') {
      await admin.deleteTopics([name])
      model.topics.delete(name)
      model.positions.delete(name)
    } else if (one.kind === 'grow') {
      known.partitions++
      await admin.createPartitions(name, known.partitions)
    } else if (one.kind === 'configure') {
      known.retention = `${100_000_000 + known.partitions}`
      await admin.alterTopicConfigs(name, { 'retention.ms': known.retention })
    } else if (one.kind === 'delete records') {
      const before = new TopicPartitionMap<ReturnType<typeof offset>>()
      before.set(name, 0, offset(0))
      await admin.deleteRecords(before)
    } else if (one.kind === 'positions') {
      const positions = new TopicPartitionMap<{
        offset: ReturnType<typeof offset>
        leaderEpoch: number
        metadata: string
      }>()
      positions.set(name, 0, { offset: offset(one.to), leaderEpoch: -1, metadata: '' })
      await admin.alterGroupOffsets(prefix, positions)
      model.positions.set(name, one.to)
    }
  }

  it('brings about what it is asked for, once', async () => {
    const history = fc.record({
      steps: fc.array(step, { minLength: 5, maxLength: 25 }),
      seed: fc.integer(),
      hostility: fc.constantFrom(0.1, 0.3),
    })
    await fc.assert(
      fc.asyncProperty(history, async ({ steps, seed, hostility }) => {
        const { network } = cluster
        // A request that comes late may undo what was asked for after it.
        network.fates = network.fates.filter((fate) => fate !== 'request late')
        network.seed(seed)
        network.hostility = hostility
        const prefix = `h${histories++}-${process.pid}`
        const model: Model = { topics: new Map(), positions: new Map() }
        for (const one of steps) await take(one, prefix, model)
        const names = [0, 1, 2].map((n) => `${prefix}-${n}`)
        const admin = cluster.client().admin()
        const described = await admin.describeTopics(names)
        network.hostility = 0
        expect(described.map(({ name, partitions }) => [name, partitions.length])).toEqual(
          names.flatMap((name) => (model.topics.has(name) ? [[name, model.topics.get(name)!.partitions]] : [])),
        )
        for (const [name, { retention }] of model.topics) {
          const { value } = (await admin.topicConfigs(name)).get('retention.ms')!
          if (retention !== undefined) expect(value).toBe(retention)
        }
        const stored = model.positions.size === 0 ? new TopicPartitionMap<never>() : await admin.groupOffsets(prefix)
        for (const [name, to] of model.positions) expect(stored.get(name, 0)).toMatchObject({ offset: to })
      }),
      { numRuns: runs, timeout: 30_000, endOnFailure: true },
    )
  })
})
