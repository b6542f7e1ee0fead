export type * from './byte-store.ts'
export * from './key-text.ts'
export type * from './table-store.ts'
