export * from './postgres-sink.ts'
export type { ColumnOption, PostgresSinkConfig } from './postgres-sink-config.ts'
