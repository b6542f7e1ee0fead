export * from './apis.ts'
export { zeroUuid } from './fields.ts'
export * from './fill.ts'
export type * from './transport.ts'
