export { memoryMetrics } from '../node/metrics.ts'
export * from './clock.ts'
export * from './disk.ts'
export * from './random.ts'
