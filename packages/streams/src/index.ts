export {
  boolean,
  bytes,
  type Duration,
  integer,
  json,
  long,
  number,
  type Serde,
  string,
  type Windowed,
  windowed,
} from '@millrace/schema'
export * from './dsl/define-topology.ts'
export type { AggregateOptions, KGroupedStream, TimeWindowedKStream, WindowAggregateOptions } from './dsl/grouped.ts'
export type { KStream, StreamPartitioner } from './dsl/k-stream.ts'
export type { KTable } from './dsl/k-table.ts'
export type { StoreOptions, WindowStoreOptions } from './dsl/stores.ts'
export { type SinkTopic, type Topic, topic } from './dsl/topic.ts'
export { type TumblingWindows, tumbling } from './dsl/tumbling.ts'
export { type AppStatus, StreamsApp } from './runtime/streams-app.ts'
export type { Processing, StreamsOptions } from './runtime/streams-options.ts'
export type * from './runtime/thread-messages.ts'
export { drawTopology, printTopology } from './topology/print.ts'
export type { ErrorPolicies, ErrorPolicy, Topology } from './topology/topology.ts'
