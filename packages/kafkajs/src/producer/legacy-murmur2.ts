const seed = 0x9747b28c
const mix = 0x5bd1e995

/**
 * What kafkajs before 2.0 took for murmur2: products are not cut to 32 bits before they are added to, and a block of
 * four is begun also where fewer bytes are left. Other partitions than Java's, and those that old topics are laid out by.
 */
export function legacyMurmur2(key: Uint8Array): number {
  const size = key.length
  let hash = seed ^ size
  for (let at = 0; at < size; at += 4) {
    let k = byte(key, at) + (byte(key, at + 1) << 8) + (byte(key, at + 2) << 16) + (byte(key, at + 3) << 24)
    k *= mix
    k ^= k >>> 24
    k *= mix
    hash *= mix
    hash ^= k
  }
  const tail = size & ~3
  const rest = size & 3
  if (rest > 2) hash ^= byte(key, tail + 2) << 16
  if (rest > 1) hash ^= byte(key, tail + 1) << 8
  if (rest > 0) {
    hash ^= byte(key, tail)
    hash *= mix
  }
  hash ^= hash >>> 13
  hash *= mix
  hash ^= hash >>> 15
  return hash
}

/** 0 behind the end. */
function byte(key: Uint8Array, at: number): number {
  return (key[at] ?? 0) & 0xff
}
