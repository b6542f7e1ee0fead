import type { LogDirectoryDescription } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'

/** Of each broker, or of those named. */
export async function describeLogDirs(
  link: AdminLink,
  brokers: readonly number[] | undefined,
  options: CallOptions,
): Promise<readonly LogDirectoryDescription[]> {
  const answers =
    brokers === undefined
      ? await link.askAll('describeLogDirs', { topics: null }, options)
      : await Promise.all(
          brokers.map(async (nodeId) => ({
            nodeId,
            answer: await link.askNode(nodeId, 'describeLogDirs', { topics: null }, options),
          })),
        )
  return answers.flatMap(({ nodeId, answer }) => {
    throwIfError(answer.errorCode, `broker ${nodeId}`)
    return answer.results.map((row) => {
      throwIfError(row.errorCode, `${row.logDir} of broker ${nodeId}`)
      return {
        broker: nodeId,
        path: row.logDir,
        totalBytes: row.totalBytes < 0 ? undefined : row.totalBytes,
        usableBytes: row.usableBytes < 0 ? undefined : row.usableBytes,
        partitions: row.topics.flatMap(({ name: topic, partitions }) =>
          partitions.map(({ partitionIndex: partition, partitionSize: bytes, offsetLag, isFutureKey: future }) => ({
            topic,
            partition,
            bytes,
            offsetLag,
            future,
          })),
        ),
      }
    })
  })
}
