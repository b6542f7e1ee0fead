/** `String.hashCode` of Java: what Kafka picks a coordinator's partition by. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** The partition of `__consumer_offsets` that keeps a group, of `__transaction_state` that keeps a transactional id. */
export function partitionByHash(name: string, partitions: number): number {
  const hash = javaHash(name)
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitions
}
