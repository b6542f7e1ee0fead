import { Buffer } from 'node:buffer'
import { murmur2 } from '@millrace/kernel'
import { nodeRandom } from '@millrace/kernel/node'
import type { Message, PartitionMetadata } from '../message.ts'
import { legacyMurmur2 } from './legacy-murmur2.ts'

export interface PartitionerArgs {
  topic: string
  partitionMetadata: PartitionMetadata[]
  message: Message
}

/** Made once for each producer. Answers with the number of a partition. */
export type ICustomPartitioner = () => (args: PartitionerArgs) => number
export type DefaultPartitioner = ICustomPartitioner
export type LegacyPartitioner = ICustomPartitioner

type Hash = (key: Uint8Array) => number

/** Of a record with a key the partition its hash says; of one without, the next of those that have a leader. */
function partitioner(hash: Hash): ICustomPartitioner {
  return () => {
    const random = nodeRandom()
    const counters = new Map<string, number>()
    return ({ topic, partitionMetadata, message }) => {
      const { partition, key } = message
      if (partition !== undefined && partition !== null) return partition
      const count = partitionMetadata.length
      if (key !== undefined && key !== null) return (hash(keyBytes(key)) & 0x7fff_ffff) % count
      const counter = (counters.get(topic) ?? random.integer(0x7fff_ffff)) + 1
      counters.set(topic, counter)
      const available = withLeader(partitionMetadata)
      const turn = counter & 0x7fff_ffff
      return available.length > 0 ? available[turn % available.length]!.partitionId : turn % count
    }
  }
}

/** Nearly always all of them, and then there is nothing to copy. */
function withLeader(partitions: readonly PartitionMetadata[]): readonly PartitionMetadata[] {
  for (const { leader } of partitions) if (leader < 0) return partitions.filter((partition) => partition.leader >= 0)
  return partitions
}

function keyBytes(key: Buffer | string): Uint8Array {
  return Buffer.isBuffer(key) ? key : Buffer.from(String(key))
}

const defaultPartitioner = partitioner((key) => murmur2(key))

/** kafkajs's partitioners. The default one chooses as Java's clients do. */
export const Partitioners: {
  readonly DefaultPartitioner: DefaultPartitioner
  readonly LegacyPartitioner: LegacyPartitioner
  /** @deprecated the same as DefaultPartitioner */
  readonly JavaCompatiblePartitioner: DefaultPartitioner
} = {
  DefaultPartitioner: defaultPartitioner,
  LegacyPartitioner: partitioner(legacyMurmur2),
  JavaCompatiblePartitioner: defaultPartitioner,
}
