import type { Engine, Handler } from '../engine.ts'

/** The one data directory, and what each partition occupies in it. What the volume has is not told: -1. */
export const answerDescribeLogDirs: Handler<'describeLogDirs'> = (engine, _context, request) => {
  const { directory } = engine
  const wanted =
    request.topics ??
    directory.topics().map(({ name, partitions }) => ({
      topic: name,
      partitions: Array.from({ length: partitions }, (_, partition) => partition),
    }))
  const topics = wanted
    .map(({ topic: name, partitions }) => ({ name, partitions: partitions.flatMap((p) => sizeOf(engine, name, p)) }))
    .filter(({ partitions }) => partitions.length > 0)
  const place = { errorCode: 0, logDir: directory.path, topics, totalBytes: -1, usableBytes: -1, isCordoned: false }
  return { throttleTimeMs: 0, errorCode: 0, results: [place] }
}

/** A partition that is not here is left out, as in Kafka. */
function sizeOf({ directory }: Engine, topic: string, partitionIndex: number) {
  const log = directory.partition(topic, partitionIndex)
  if (log === undefined) return []
  return [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }]
}
