export { type Engine, type EngineOptions, startEngine, type ThreadLink } from './engine.ts'
export type { ThreadLinkData } from './thread/messages.ts'
export { threadTransport } from './thread/thread-transport.ts'
