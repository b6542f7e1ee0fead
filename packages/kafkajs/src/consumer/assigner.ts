import type { Buffer } from 'node:buffer'
import type { Logger } from '../logger.ts'
import type { PartitionMetadata } from '../message.ts'

/** Topics to partitions. */
export interface Assignment {
  [topic: string]: number[]
}

export interface GroupMember {
  memberId: string
  /** What the member's `protocol` wrote: `AssignerProtocol.MemberMetadata` reads it. */
  memberMetadata: Buffer
}

export interface GroupMemberAssignment {
  memberId: string
  /** As `AssignerProtocol.MemberAssignment` writes it. */
  memberAssignment: Buffer
}

export interface GroupState {
  name: string
  metadata: Buffer
}

/** Divides partitions in a group. Runs on the member that leads; the name is the group's protocol. */
export interface Assigner {
  name: string
  version: number
  assign(group: { members: GroupMember[]; topics: string[] }): Promise<GroupMemberAssignment[]>
  /** What a member tells about itself: as `AssignerProtocol.MemberMetadata` writes it. */
  protocol(subscription: { topics: string[] }): GroupState
}

/** What an assigner may ask of the cluster. */
export interface AssignerCluster {
  getNodeIds(): number[]
  isConnected(): boolean
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  findTopicPartitionMetadata(topic: string): PartitionMetadata[]
  findLeaderForPartitions(topic: string, partitions: number[]): { [leader: string]: number[] }
}

/** Written as a method, so that an assigner that is typed against kafkajs's whole `Cluster` is taken, too. */
interface MakesAssigner {
  make(config: { cluster: AssignerCluster; groupId: string; logger: Logger }): Assigner
}

/**
 * Makes the assigner of a consumer. One that is typed against kafkajs's `Cluster` compiles; what that has beyond
 * `AssignerCluster` is refused when it is called.
 */
export type PartitionAssigner = MakesAssigner['make']
