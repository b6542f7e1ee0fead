import * as ours from '@millrace/kafkajs'
import type * as theirs from 'kafkajs'
import { expect, test } from 'vitest'
import { ClusterView } from '../src/consumer/assigner-bridge.ts'

test("an assigner that is typed against kafkajs's cluster is taken, and told what it cannot have", () => {
  const typedAgainstTheirs: theirs.PartitionAssigner = ({ cluster }) => {
    expect(cluster.findTopicPartitionMetadata('t')).toEqual([])
    void cluster.findControllerBroker()
    throw new Error('not reached')
  }
  const make: ours.PartitionAssigner = typedAgainstTheirs
  const cluster = new ClusterView(() => undefined)
  const logger = new ours.Kafka({ brokers: ['localhost:9092'] }).logger()
  expect(() => make({ cluster, groupId: 'g', logger })).toThrow(/findControllerBroker is not offered/)
})
