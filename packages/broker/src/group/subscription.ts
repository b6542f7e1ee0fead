import type { Buffer } from 'node:buffer'
import { ByteReader } from '@millrace/kernel'

/**
 * The topics of a consumer's subscription: `version int16 | count int32 | topics string …`. What follows them is the
 * assignor's.
 * Undefined where the bytes are something else: then nothing is known, and everything may be subscribed.
 */
export function subscribedTopics(metadata: Buffer): ReadonlySet<string> | undefined {
  const reader = new ByteReader(metadata)
  const topics = new Set<string>()
  try {
    reader.skip(2)
    for (let left = reader.int32(); left > 0; left--) topics.add(reader.utf8(reader.int16()))
  } catch {
    return undefined
  }
  return topics
}
