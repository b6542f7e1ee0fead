export { type CheckWorld, checkConfig, topicProblem } from './config/check-config.ts'
export * from './index.ts'
export { TaskCounters } from './task/task-counters.ts'
