import type { LogConfig } from '../log-config.ts'
import type { Segment } from '../segment.ts'

/**
 * Segments that stand next to each other and become one: together they fit `segment.bytes` and `segment.index.bytes`, and their
 * offsets fit 32 bits (Kafka: `Cleaner.groupSegmentsBySize`).
 */
export function segmentGroups(segments: readonly Segment[], config: LogConfig): Segment[][] {
  const groups: Segment[][] = []
  let bytes = 0
  let indexBytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    bytes += segment.sizeBytes
    indexBytes += segment.indexBytes
    const fits =
      group !== undefined &&
      bytes <= config.segmentBytes &&
      indexBytes <= config.segmentIndexBytes &&
      segment.next - 1 - group[0]!.base <= 0x7fff_ffff
    if (fits) group.push(segment)
    else {
      groups.push([segment])
      bytes = segment.sizeBytes
      indexBytes = segment.indexBytes
    }
  }
  return groups
}
