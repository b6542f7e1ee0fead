import type { KafkaErrorCode } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'

/** A client's idea of the leader epoch against ours; -1 is no idea (of a fetch: whatever is below 0). KIP-320. */
export function checkLeaderEpoch(log: PartitionLog, clientEpoch: number): KafkaErrorCode | undefined {
  if (clientEpoch === -1 || clientEpoch === log.leaderEpoch) return undefined
  return clientEpoch < log.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH'
}

/** Where an epoch ended; -1 and -1 for one that is none, or has not begun. KIP-101. */
export function epochEnd(log: PartitionLog, epoch: number): { readonly epoch: number; readonly endOffset: number } {
  return epoch < 0 || epoch > log.leaderEpoch ? { epoch: -1, endOffset: -1 } : log.endOffsetForEpoch(epoch)
}
