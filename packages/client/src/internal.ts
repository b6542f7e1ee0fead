/** For sibling packages: the client's parts, and what they need of the layers below. */
export {
  type ApiName,
  apiOf,
  type Connection,
  fill,
  type NodeAddress,
  type Partially,
  type RequestOf,
  type ResponseOf,
  type SendOptions,
  type Transport,
} from '@millrace/protocol/internal'
export { BatchCursor, type CodecName, decodeHeaders, encodeHeaders, recordCount } from '@millrace/record/internal'
export { Cluster } from './cluster/cluster.ts'
export { PollingConsumer } from './consumer/polling-consumer.ts'
export * from './index.ts'
export { BatchingProducer } from './producer/batching-producer.ts'
export { RunReceipt } from './producer/pending-batch.ts'
