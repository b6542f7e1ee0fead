import type { Assignor, MemberAssignment } from '@millrace/client'
import type { Cluster } from '@millrace/client/internal'
import { KafkaJSNonRetriableError, KafkaJSNotImplemented } from '../errors.ts'
import type { PartitionMetadata } from '../message.ts'
import type { Assigner, AssignerCluster, GroupMember } from './assigner.ts'
import { AssignerProtocol } from './assigner-protocol.ts'

/** An assigner of kafkajs as an assignor of the client. What it writes must be readable by `AssignerProtocol`. */
export function bridged(assigner: Assigner, topics: readonly string[]): Assignor {
  const { name } = assigner.protocol({ topics: [...topics] })
  return {
    name,
    userData: () => {
      const { userData } = metadataOf(assigner, topics)
      return userData.length === 0 ? null : userData
    },
    assign: async (members) => {
      const { version } = assigner
      const given: GroupMember[] = members.map((member) => {
        const metadata = { version, topics: [...member.topics], ...(member.userData && { userData: member.userData }) }
        return { memberId: member.memberId, memberMetadata: AssignerProtocol.MemberMetadata.encode(metadata) }
      })
      const divided = await assigner.assign({ members: given, topics: [...topics] })
      const assignments = new Map<string, MemberAssignment>()
      for (const { memberId, memberAssignment } of divided) {
        const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment)
        const partitions = Object.entries(decoded?.assignment ?? {}).flatMap(([topic, numbers]) =>
          numbers.map((partition) => ({ topic, partition })),
        )
        assignments.set(memberId, { partitions, userData: decoded?.userData ?? null })
      }
      return assignments
    },
    onAssigned() {},
  }
}

function metadataOf(assigner: Assigner, topics: readonly string[]) {
  const { metadata } = assigner.protocol({ topics: [...topics] })
  try {
    return AssignerProtocol.MemberMetadata.decode(metadata)
  } catch (error) {
    const message = `Assigner "${assigner.name}": write the metadata with AssignerProtocol.MemberMetadata.encode.`
    throw new KafkaJSNonRetriableError(message, { cause: error })
  }
}

/** What kafkajs's own `Cluster` has besides, for its inside. */
const insideOfKafkajs = [
  'metadata',
  'removeBroker',
  'connect',
  'disconnect',
  'findBroker',
  'findControllerBroker',
  'findGroupCoordinator',
  'findGroupCoordinatorMetadata',
  'defaultOffset',
  'fetchTopicsOffset',
] as const

/** The cluster as assigners see it. It connects with the consumer: there is nothing to look up before. */
export class ClusterView implements AssignerCluster {
  readonly #cluster: () => Cluster | undefined

  constructor(cluster: () => Cluster | undefined) {
    this.#cluster = cluster
    for (const name of insideOfKafkajs) {
      const refuse = () => {
        throw new KafkaJSNotImplemented(`cluster.${name} is not offered to assigners: ask the admin client for it`)
      }
      Object.defineProperty(this, name, { value: refuse })
    }
  }

  getNodeIds(): number[] {
    return [...(this.#cluster()?.brokers() ?? [])]
  }

  isConnected(): boolean {
    return this.#cluster() !== undefined
  }

  async refreshMetadata(): Promise<void> {
    await this.#cluster()?.refresh()
  }

  refreshMetadataIfNecessary(): Promise<void> {
    return this.refreshMetadata()
  }

  addTargetTopic(topic: string): Promise<void> {
    return this.addMultipleTargetTopics([topic])
  }

  async addMultipleTargetTopics(topics: string[]): Promise<void> {
    await this.#cluster()?.refresh(topics)
  }

  findTopicPartitionMetadata(topic: string): PartitionMetadata[] {
    const partitions = this.#cluster()?.topic(topic)?.partitions ?? []
    return partitions.map(({ partition, leader }) => {
      const replicas = leader < 0 ? [] : [leader]
      return { partitionErrorCode: 0, partitionId: partition, leader, replicas, isr: [...replicas] }
    })
  }

  findLeaderForPartitions(topic: string, partitions: number[]): { [leader: string]: number[] } {
    const byLeader: { [leader: string]: number[] } = {}
    for (const { partitionId, leader } of this.findTopicPartitionMetadata(topic)) {
      if (!partitions.includes(partitionId)) continue
      const known = byLeader[leader]
      if (known === undefined) byLeader[leader] = [partitionId]
      else known.push(partitionId)
    }
    return byLeader
  }
}
