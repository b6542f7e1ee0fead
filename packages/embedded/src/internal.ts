export * from './index.ts'
export { type LoopbackOptions, loopbackTransport } from './loopback.ts'
