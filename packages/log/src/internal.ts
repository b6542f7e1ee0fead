export type * from './partition-log.ts'
