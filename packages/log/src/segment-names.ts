/** Every file of a segment. */
export const segmentSuffixes = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'] as const

export type SegmentSuffix = (typeof segmentSuffixes)[number]

/** What stands behind the names of a segment that a cleaner is about to put in the place of others. */
export type SegmentMarker = '' | '.cleaned' | '.swap'

/** Kafka's names: the base offset in twenty digits, so that names sort as offsets do. */
export function segmentPath(directory: string, base: number, suffix: SegmentSuffix): string {
  return `${directory}/${String(base).padStart(20, '0')}${suffix}`
}

/** Base offset and suffix of a segment's file; undefined for any other name. */
export function parseSegmentName(name: string): { readonly base: number; readonly suffix: SegmentSuffix } | undefined {
  const suffix = segmentSuffixes.find((each) => name.endsWith(each))
  if (suffix === undefined) return undefined
  const digits = name.slice(0, -suffix.length)
  const base = Number(digits)
  return /^\d{20}$/.test(digits) && Number.isSafeInteger(base) ? { base, suffix } : undefined
}
