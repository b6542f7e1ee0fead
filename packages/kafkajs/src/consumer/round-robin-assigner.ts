import type { Assignment, PartitionAssigner } from './assigner.ts'
import { AssignerProtocol } from './assigner-protocol.ts'

/** kafkajs's own: all partitions of all topics, dealt out one by one. Its members and kafkajs's share a group. */
const roundRobin: PartitionAssigner = ({ cluster }) => ({
  name: 'RoundRobinAssigner',
  version: 0,

  async assign({ members, topics }) {
    const memberIds = members.map(({ memberId }) => memberId).sort()
    const given = new Map<string, Assignment>(memberIds.map((memberId) => [memberId, {}]))
    let turn = 0
    for (const topic of topics) {
      for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
        const assignment = given.get(memberIds[turn++ % memberIds.length]!)
        if (assignment === undefined) continue
        const partitions = assignment[topic]
        if (partitions === undefined) assignment[topic] = [partitionId]
        else partitions.push(partitionId)
      }
    }
    return [...given].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: this.version, assignment }),
    }))
  },

  protocol({ topics }) {
    return { name: this.name, metadata: AssignerProtocol.MemberMetadata.encode({ version: this.version, topics }) }
  },
})

export const PartitionAssigners: { readonly roundRobin: PartitionAssigner } = { roundRobin }
