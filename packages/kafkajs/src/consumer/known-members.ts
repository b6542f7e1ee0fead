import type { GroupMetadata } from '@millrace/client'
import { partitionName, type TopicPartitionMap } from '@millrace/kernel'
import { KafkaJSProtocolError } from '../errors.ts'
import { protocolFailure } from '../failure.ts'

/** A running consumer, as a producer asks for it. */
export interface KnownMember {
  readonly groupId: string
  /** The partition is its own, or its records are still with the program. */
  owns(topic: string, partition: number): boolean
  /** undefined: the group has gone on without it. */
  membership(): GroupMetadata | undefined
}

/**
 * The consumers that one `Kafka` has running. kafkajs's `sendOffsets` names a group and no member; with this it is sent as
 * the member that reads the partitions, so that one whose partitions have been given away is refused (KIP-447).
 */
export class KnownMembers {
  readonly #members = new Set<KnownMember>()

  add(member: KnownMember): void {
    this.#members.add(member)
  }

  remove(member: KnownMember): void {
    this.#members.delete(member)
  }

  /**
   * Who commits. Anybody, where no consumer of the group runs here.
   *
   * @throws KafkaJSProtocolError ILLEGAL_GENERATION when those that run here do not own the partitions any more
   */
  committer(groupId: string, offsets: TopicPartitionMap<unknown>): GroupMetadata {
    const members = [...this.#members].filter((member) => member.groupId === groupId)
    if (members.length === 0) return { groupId, generation: -1, memberId: '', groupInstanceId: null }
    const places = [...offsets].map(([at]) => at)
    const owner = members.find((member) => places.every(({ topic, partition }) => member.owns(topic, partition)))
    const membership = owner?.membership()
    if (membership !== undefined) return membership
    const names = places.map(({ topic, partition }) => partitionName(topic, partition)).join(', ')
    const message = `No consumer of group "${groupId}" that runs here owns ${names} any more: abort the transaction.`
    throw new KafkaJSProtocolError(protocolFailure('ILLEGAL_GENERATION', message))
  }
}
