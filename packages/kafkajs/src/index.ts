export type * from './admin/groups.ts'
export type * from './admin.ts'
export * from './compression-codecs.ts'
export type * from './config.ts'
export type * from './consumer/assigner.ts'
export type { AssignerCluster as Cluster } from './consumer/assigner.ts'
export * from './consumer/assigner-protocol.ts'
export { PartitionAssigners } from './consumer/round-robin-assigner.ts'
export type * from './consumer.ts'
export * from './errors.ts'
export type * from './events.ts'
export { Kafka } from './kafka.ts'
export { type LogEntry, type Logger, type LoggerEntryContent, type logCreator, logLevel } from './logger.ts'
export type * from './message.ts'
export {
  type DefaultPartitioner,
  type ICustomPartitioner,
  type LegacyPartitioner,
  type PartitionerArgs,
  Partitioners,
} from './producer/partitioners.ts'
export type * from './producer.ts'
export * from './resource-types.ts'
export type { RetryOptions } from './retry.ts'
