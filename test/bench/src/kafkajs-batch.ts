import type { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'

interface KafkajsEncoder {
  readonly buffer: Buffer
}

interface KafkajsMessage {
  readonly key: Buffer
  readonly value: Buffer
}

interface KafkajsBatch {
  encode(options: {
    firstTimestamp: number
    maxTimestamp: number
    lastOffsetDelta: number
    records: readonly KafkajsEncoder[]
  }): Promise<KafkajsEncoder>
  record(options: { offsetDelta: number; timestampDelta: number; key: Buffer; value: Buffer }): KafkajsEncoder
  decode(bytes: Buffer): Promise<{ readonly records: readonly KafkajsMessage[] }>
}

/** The batch codec inside kafkajs, which it does not export. */
export function kafkajsBatch(): KafkajsBatch {
  const require = createRequire(import.meta.url)
  const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
  const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder')
  const Decoder = require('kafkajs/src/protocol/decoder')
  return {
    encode: RecordBatch,
    record: require('kafkajs/src/protocol/recordBatch/record/v0'),
    decode: (bytes) => decode(new Decoder(bytes)),
  }
}
