import type { ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { refusal, type WireError, wire } from '../wire-error.ts'

/** Kafka's ElectionType: the preferred replica, or any that lives. */
const electionTypes: ReadonlySet<number> = new Set([0, 1])

const noPartitions: readonly number[] = []

type Answer = ResponseOf<'electLeaders'>['replicaElectionResults'][number]

/**
 * The one broker leads every partition, so no election is ever needed. Asked about all partitions at once, only those
 * would be told that did need one, as in Kafka (ReplicationControlManager.electLeaders).
 */
export const answerElectLeaders: Handler<'electLeaders'> = (engine, _context, { electionType, topicPartitions }) => {
  const isKnown = electionTypes.has(electionType)
  const asked =
    topicPartitions ?? engine.directory.topics().map(({ name }) => ({ topic: name, partitions: noPartitions }))
  const replicaElectionResults = asked.map(({ topic, partitions }): Answer => {
    const partitionResult = partitions.map((partitionId) => {
      const told = isKnown ? outcomeOf(engine, topic, partitionId) : unknownType(electionType)
      return { partitionId, ...told }
    })
    return { topic, partitionResult }
  })
  return { throttleTimeMs: 0, errorCode: isKnown ? 0 : wire('INVALID_REQUEST'), replicaElectionResults }
}

function outcomeOf({ directory }: Engine, topic: string, partition: number): WireError {
  const known = directory.topic(topic)
  if (known === undefined) return refusal('UNKNOWN_TOPIC_OR_PARTITION', `No such topic as ${topic}`)
  if (partition >= 0 && partition < known.partitions) return refusal('ELECTION_NOT_NEEDED')
  return refusal('UNKNOWN_TOPIC_OR_PARTITION', `No such partition as ${topic}-${partition}`)
}

function unknownType(electionType: number): WireError {
  return refusal('INVALID_REQUEST', `${electionType} is no type of election`)
}
