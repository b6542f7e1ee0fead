import { createClient, rangeAssignor } from '@millrace/client'
import type { ApiName, Connection, ResponseOf } from '@millrace/protocol/internal'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterUnderTest } from './cluster-under-test.ts'
import { intercepted } from './intercepted-transport.ts'

let cluster: ClusterUnderTest
beforeEach(async () => {
  cluster = await ClusterUnderTest.start('loopback')
  await cluster
    .client()
    .admin()
    .createTopics([{ name: 'orders', partitions: 2 }])
})
afterEach(() => cluster.stop())

const isMetadata = (api: ApiName, answer: unknown): answer is ResponseOf<'metadata'> => api === 'metadata' && !!answer

it('the member that divides knows the racks of replicas, and divides anew when they move', async () => {
  let away = 'far'
  // One engine is one broker: the second, a follower of partition 1 in another rack, is in what the client is told alone.
  const transport = intercepted(cluster.engine.loopback(), async (api, send, { node }: Connection) => {
    const answer = await send()
    if (!isMetadata(api, answer)) return answer
    const brokers = answer.brokers.map((broker) => ({ ...broker, rack: broker.nodeId === node.nodeId ? 'near' : null }))
    const topics = answer.topics.map((row) => ({
      ...row,
      partitions: row.partitions.map((at) =>
        at.partitionIndex === 1 ? { ...at, replicaNodes: [...at.replicaNodes, 99] } : at,
      ),
    }))
    const second = { nodeId: 99, host: 'elsewhere', port: 1, rack: away }
    return Object.assign(answer, { brokers: [...brokers, second], topics })
  })
  await using client = createClient({ transport, ports: cluster.ports, metadataMaxAgeMs: 50 })
  const seen: string[] = []
  const range = rangeAssignor()
  const watching: typeof range = {
    ...range,
    assign: (members, known) => {
      const racks = [0, 1].map((partition) => known.racksOf?.('orders', partition).join('+'))
      seen.push(`${members.map(({ rackId }) => rackId).join()} ${racks.join()}`)
      return range.assign(members, known)
    },
  }
  await using consumer = client.consumer({
    groupId: 'g',
    rackId: 'near',
    assignors: [watching],
    heartbeatIntervalMs: 10,
  })
  consumer.subscribe(['orders'])
  while (seen.length === 0) await consumer.poll({ timeoutMs: 10 })
  expect(seen).toEqual(['near near,far+near'])
  away = 'farther'
  while (seen.length === 1) await consumer.poll({ timeoutMs: 10 })
  expect(seen[1]).toBe('near near,farther+near')
})
