export * from './duration.ts'
export type * from './serde.ts'
