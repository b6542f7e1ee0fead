import { describeNode, describeStore } from './describe.ts'
import type { RepartitionSpec, StoreSpec, TopologyNode } from './nodes.ts'

/**
 * 16 hex digits over everything of a topology that can be written down. Two threads that built the same program agree
 * on it.
 */
export function fingerprintOf(
  nodes: readonly TopologyNode[],
  stores: readonly StoreSpec[],
  repartitions: readonly RepartitionSpec[],
): string {
  const text = JSON.stringify([nodes.map(describeNode), stores.map(describeStore), repartitions])
  return hash32(text, 0x811c9dc5) + hash32(text, 0x01234567)
}

/** FNV-1a with a final mix (murmur3's), over UTF-16 units. For telling topologies apart, not for security. */
function hash32(text: string, seed: number): string {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, '0')
}
