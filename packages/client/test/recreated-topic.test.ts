import { offset, TopicPartitionMap } from '@millrace/kernel'
import { expect, it } from 'vitest'
import { ScriptedCluster } from './transaction/scripted-cluster.ts'

it('a commit that meets the id of a topic that is gone asks for the one of now', async () => {
  const cluster = new ScriptedCluster()
  const positions = new TopicPartitionMap<{
    offset: ReturnType<typeof offset>
    leaderEpoch: number
    metadata: string
  }>()
  positions.set('out', 0, { offset: offset(5), leaderEpoch: -1, metadata: '' })
  cluster.fate('offsetCommit', 'UNKNOWN_TOPIC_ID')
  await cluster.settled(cluster.client().admin().alterGroupOffsets('g', positions))
  const asked = cluster.asked.map(({ api }) => api).filter((api) => api !== 'findCoordinator')
  expect(asked).toEqual(['offsetCommit', 'metadata', 'offsetCommit'])
  await cluster.stop()
})
