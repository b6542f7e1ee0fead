export * from './apis.ts'
export type * from './transport.ts'
