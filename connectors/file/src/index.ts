export * from './file-sink.ts'
export type { FileSinkConfig, LineField } from './file-sink-config.ts'
export * from './file-source.ts'
export type { FieldOption, FieldType, FileSourceConfig } from './file-source-config.ts'
