import { configError } from '@millrace/kernel'

/** A span of time, as sums of parts: `{ minutes: 1, seconds: 30 }`. At least one part. */
export interface Duration {
  readonly days?: number | undefined
  readonly hours?: number | undefined
  readonly minutes?: number | undefined
  readonly seconds?: number | undefined
  readonly ms?: number | undefined
}

/** @throws CONFIG when no part is given, or one is negative, fractional or not finite. */
export function durationMs(duration: Duration, option: string): number {
  const { days, hours, minutes, seconds, ms, ...rest } = duration
  const stray = Object.keys(rest)[0]
  const fix = 'Use days, hours, minutes, seconds or ms, for example { minutes: 1 }.'
  if (stray !== undefined) throw configError(option, `has no part ${stray}`, duration, fix)
  const parts = [days, hours, minutes, seconds, ms]
  if (parts.every((part) => part === undefined)) throw configError(option, 'is empty', duration, fix)
  for (const part of parts) {
    if (part !== undefined && !(Number.isSafeInteger(part) && part >= 0)) {
      throw configError(option, 'must be made of whole numbers that are not negative', duration, fix)
    }
  }
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60_000 + (seconds ?? 0) * 1000 + (ms ?? 0)
}
