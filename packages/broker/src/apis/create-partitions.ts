import { kafkaError } from '@millrace/kernel'
import type { RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { namedOnce } from '../named-once.ts'
import { refusal, wireError } from '../wire-error.ts'

type Asked = RequestOf<'createPartitions'>['topics'][number]

/** Gives topics more partitions; never fewer. */
export const answerCreatePartitions: Handler<'createPartitions'> = async (engine, _context, request) => {
  const { once, twice } = namedOnce(request.topics, ({ name }) => name)
  const refused = twice.map(({ name }) => ({
    name,
    ...refusal('INVALID_REQUEST', 'It is named twice in one request.'),
  }))
  const done = await Promise.all(
    once.map(async (asked) => {
      try {
        check(engine, asked)
        if (!request.validateOnly) await engine.directory.addPartitions(asked.name, asked.count)
        return { name: asked.name, errorCode: 0, errorMessage: null }
      } catch (error) {
        return { name: asked.name, ...wireError(error) }
      }
    }),
  )
  return { throttleTimeMs: 0, results: [...done, ...refused] }
}

function check({ directory, settings }: Engine, { name, count, assignments }: Asked): void {
  const place = `topic ${name}`
  const topic = directory.topic(name)
  if (topic === undefined) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', place)
  if (isInternalTopic(name)) throw kafkaError('INVALID_TOPIC_EXCEPTION', place, 'Its partitions are fixed.')
  if (count <= topic.partitions) {
    throw kafkaError('INVALID_PARTITIONS', place, `It has ${topic.partitions} partitions, ${count} are asked for.`)
  }
  if (assignments === null) return
  const nodeId = settings['node.id']
  const here = assignments.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId)
  if (assignments.length === count - topic.partitions && here) return
  const why = `Each new partition lies on broker ${nodeId} alone.`
  throw kafkaError('INVALID_REPLICA_ASSIGNMENT', place, why)
}
