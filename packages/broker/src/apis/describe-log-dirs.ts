import type { Engine, Handler } from '../engine.ts'

/** The one data directory, what its volume has (KIP-827), and what each partition occupies in it. */
export const answerDescribeLogDirs: Handler<'describeLogDirs'> = (engine, _context, request) => {
  const { directory, ports } = engine
  const wanted =
    request.topics ??
    directory.topics().map(({ name, partitions }) => ({
      topic: name,
      partitions: Array.from({ length: partitions }, (_, partition) => partition),
    }))
  const topics = wanted
    .map(({ topic: name, partitions }) => ({ name, partitions: partitions.flatMap((p) => sizeOf(engine, name, p)) }))
    .filter(({ partitions }) => partitions.length > 0)
  const { totalBytes, usableBytes } = ports.disk.space(directory.path)
  const place = { errorCode: 0, logDir: directory.path, topics, totalBytes, usableBytes, isCordoned: false }
  return { throttleTimeMs: 0, errorCode: 0, results: [place] }
}

/** A partition that is not here is left out, as in Kafka. */
function sizeOf({ directory }: Engine, topic: string, partitionIndex: number) {
  const log = directory.partition(topic, partitionIndex)
  if (log === undefined) return []
  return [{ partitionIndex, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }]
}
