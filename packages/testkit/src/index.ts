export type { StoredRecord } from './streams/memory-topics.ts'
export type { TableView, WindowsView } from './streams/store-views.ts'
export {
  type CrashOptions,
  type InputRecord,
  type OutputRecord,
  TopologyDriver,
  type TopologyDriverOptions,
  topologyDriver,
} from './streams/topology-driver.ts'
