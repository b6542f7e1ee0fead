const seed = 0x9747b28c | 0
const mix = 0x5bd1e995

/**
 * Murmur2 as Kafka's Java clients compute it over a key (`Utils.murmur2`): 32 bits, signed.
 * Same key, same partition, in every language: that is all it is for.
 */
export function murmur2(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const size = to - from
  const tail = from + (size & ~3)
  let hash = seed ^ size
  for (let at = from; at < tail; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    k = Math.imul(k, mix)
    k ^= k >>> 24
    hash = Math.imul(hash, mix) ^ Math.imul(k, mix)
  }
  const rest = size & 3
  if (rest > 2) hash ^= bytes[tail + 2]! << 16
  if (rest > 1) hash ^= bytes[tail + 1]! << 8
  if (rest > 0) hash = Math.imul(hash ^ bytes[tail]!, mix)
  hash ^= hash >>> 13
  hash = Math.imul(hash, mix)
  return (hash ^ (hash >>> 15)) | 0
}

/** Kafka's partition of a key: the sign bit is cut off, not negated. */
export function partitionOfKey(key: Uint8Array, partitions: number, keyBytes = key.length): number {
  return (murmur2(key, 0, keyBytes) & 0x7fffffff) % partitions
}
