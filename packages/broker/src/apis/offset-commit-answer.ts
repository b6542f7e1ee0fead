import { Buffer } from 'node:buffer'
import { type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import type { RequestOf } from '@millrace/protocol/internal'
import type { Engine } from '../engine.ts'
import type { OffsetsToCommit } from '../group/offset-store.ts'
import { partitionOf } from '../partition-of.ts'

type Request = Pick<RequestOf<'offsetCommit'> | RequestOf<'txnOffsetCommit'>, 'groupId' | 'topics'> & {
  /** -1: as long as the broker keeps offsets. */
  readonly retentionTimeMs?: number
}
type PartitionAsked = Request['topics'][number]['partitions'][number]

/** What a request to commit a group's offsets asks for, taken apart into what may be committed and what may not. */
export class OffsetCommitAnswer {
  readonly accepted: OffsetsToCommit = new TopicPartitionMap()
  readonly #refused = new TopicPartitionMap<KafkaErrorCode>()
  #committed: TopicPartitionMap<KafkaErrorCode> | KafkaErrorCode

  constructor(engine: Engine, { groupId, topics, retentionTimeMs = -1 }: Request) {
    this.#committed = this.#refused
    const untilMs = engine.ports.clock.nowMs() + retentionTimeMs
    const expiresAtMs = retentionTimeMs < 0 ? undefined : Math.min(untilMs, Number.MAX_SAFE_INTEGER)
    for (const { name, partitions } of topics) {
      for (const asked of partitions) {
        const problem = groupId === '' ? 'INVALID_GROUP_ID' : refuse(engine, name, asked)
        if (problem !== undefined) this.#refused.set(name, asked.partitionIndex, problem)
        else {
          this.accepted.set(name, asked.partitionIndex, {
            offset: asked.committedOffset,
            leaderEpoch: asked.committedLeaderEpoch,
            metadata: asked.committedMetadata ?? '',
            expiresAtMs,
          })
        }
      }
    }
  }

  /** What became of the accepted: an error of the whole group, or one for each partition that has one. */
  committed(result: TopicPartitionMap<KafkaErrorCode> | KafkaErrorCode): void {
    this.#committed = result
  }

  codeOf(topic: string, partition: number): KafkaErrorCode {
    const own = this.#refused.get(topic, partition)
    if (own !== undefined) return own
    return typeof this.#committed === 'string' ? this.#committed : (this.#committed.get(topic, partition) ?? 'NONE')
  }
}

function refuse({ directory, settings }: Engine, topic: string, asked: PartitionAsked): KafkaErrorCode | undefined {
  const log = partitionOf(directory, topic, asked.partitionIndex)
  if (typeof log === 'string') return log
  // Past 53 bits the offset is not the one that was sent, and no log gets there.
  if (Math.abs(asked.committedOffset) === Number.MAX_SAFE_INTEGER) return 'INVALID_COMMIT_OFFSET_SIZE'
  const bytes = Buffer.byteLength(asked.committedMetadata ?? '')
  return bytes > settings['offset.metadata.max.bytes'] ? 'OFFSET_METADATA_TOO_LARGE' : undefined
}
