import type { Buffer } from 'node:buffer'
import { ByteReader } from '@millrace/kernel'
import type { ClassicGroup } from './classic-group.ts'

/**
 * The topics of a consumer's subscription: `version int16 | count int32 | topics string …`. What follows them is the
 * assignor's.
 * Undefined where the bytes are something else: then nothing is known, and everything may be subscribed.
 */
function subscribedTopics(metadata: Buffer): ReadonlySet<string> | undefined {
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

/**
 * Which topics members of a group read: asked once, for many topics. One whose subscription cannot be read may be
 * subscribed to anything.
 */
export function subscriptionOf(group: ClassicGroup): { has(topic: string): boolean } {
  const all = new Set<string>()
  for (const member of group.membership.members.values()) {
    for (const { metadata } of member.protocols) {
      const topics = subscribedTopics(metadata)
      if (topics === undefined) return everything
      for (const topic of topics) all.add(topic)
    }
  }
  return all
}

const everything = { has: () => true }
