export * from './file-source.ts'
export type { FieldOption, FieldType, FileSourceConfig } from './file-source-config.ts'
