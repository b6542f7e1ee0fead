export * from './index.ts'
export { logOptionsOf } from './log-settings.ts'
