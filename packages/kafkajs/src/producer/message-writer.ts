import { Buffer } from 'node:buffer'
import type { TopicHandle } from '@millrace/client'
import type { BatchingProducer, CodecName } from '@millrace/client/internal'
import type { ByteWritable } from '@millrace/kernel'
import { loadedClient } from '../client-module.ts'
import type { IHeaders, Message } from '../message.ts'
import type { Delivery } from './delivery.ts'

type Bytes = Buffer | string

/** Buffers as they are, everything else as text, as kafkajs writes it. */
const bytesOrText: ByteWritable<Bytes> = {
  write: (value, into) => {
    if (Buffer.isBuffer(value)) into.raw(value)
    else into.utf8(String(value))
  },
}

/** Appends a message straight into the open batch of its partition. */
export function appendMessage(
  producer: BatchingProducer,
  to: TopicHandle,
  partition: number,
  message: Message,
  nowMs: number,
  codec: CodecName,
  delivery: Delivery,
): void {
  const share = delivery.share(to.topic, partition)
  const { key, value, headers, timestamp } = message
  share.receipt = producer.appendToRun(
    to,
    partition,
    timestamp === undefined || timestamp === '' ? nowMs : Number(timestamp),
    key ?? null,
    bytesOrText,
    value,
    bytesOrText,
    headers === undefined || headers === null ? null : encodedHeaders(headers),
    codec,
    share.receipt,
    share.begin,
  )
}

function encodedHeaders(headers: IHeaders): Buffer | null {
  const rows: { key: string; value: Uint8Array | string | null }[] = []
  for (const [key, value] of Object.entries(headers)) {
    if (Array.isArray(value)) for (const one of value) rows.push({ key, value: headerValue(one) })
    else rows.push({ key, value: headerValue(value) })
  }
  return rows.length === 0 ? null : loadedClient().encodeHeaders(rows)
}

function headerValue(value: Bytes | null | undefined): Buffer | string | null {
  if (value === undefined || value === null) return null
  return Buffer.isBuffer(value) ? value : String(value)
}
