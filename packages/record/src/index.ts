export * from './batch-format.ts'
export type * from './valid-batch.ts'
