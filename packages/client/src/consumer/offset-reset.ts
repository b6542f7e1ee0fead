import { configError, type Offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import { earliest, type ListOffsetsOptions, latest, listOffsets } from '../cluster/list-offsets.ts'
import type { AutoOffsetReset } from '../consumer.ts'

/** A policy that finds a position. */
export type Reset = Exclude<AutoOffsetReset, 'none'>

const byDuration = 'by_duration:'
const place = 'consumer.autoOffsetReset'

/** As java.time.Duration reads it: days of 24 hours, a sign before each number or before all, a fraction of seconds. */
const whole = '([-+]?\\d+)'
const ofDay = `(?:${whole}H)?(?:${whole}M)?(?:${whole}(?:[.,](\\d{0,9}))?S)?`
const iso = new RegExp(`^([-+]?)P(?:${whole}D)?(T${ofDay})?$`, 'i')

/** @throws CONFIG for what is none of Kafka's policies */
export function checkReset(policy: AutoOffsetReset): AutoOffsetReset {
  if (policy !== 'earliest' && policy !== 'latest' && policy !== 'none') durationOf(policy)
  return policy
}

/** What ListOffsets is asked for: an end of the log, or a time in milliseconds since 1970. @throws CONFIG */
export function timeOf(policy: Reset, nowMs: number): number {
  if (policy === 'earliest') return earliest
  if (policy === 'latest') return latest
  return Math.max(0, nowMs - durationOf(policy))
}

/**
 * Where a partition is read from that has no record since a time (yet): at its end, as it was before the time was looked up once more, so
 * that nothing is missed that comes meanwhile.
 */
export async function endOrSince(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  timeMs: number,
  options: ListOffsetsOptions,
): Promise<Offset | undefined> {
  const ask = async (time: number) => {
    const at = new TopicPartitionMap<number>()
    at.set(topic, partition, time)
    return (await listOffsets(cluster, at, options)).get(topic, partition)
  }
  const end = await ask(latest)
  return (await ask(timeMs)) ?? end
}

function durationOf(policy: string): number {
  const parts = policy.startsWith(byDuration) ? iso.exec(policy.slice(byDuration.length)) : null
  const [, sign, days, time, hours, minutes, seconds, fraction] = parts ?? []
  const numbers = [days, hours, minutes, seconds]
  if (parts === null || numbers.every((number) => number === undefined) || time?.length === 1) {
    const fix = 'Give earliest, latest, none, or by_duration: and an ISO 8601 duration, by_duration:PT1H for an hour.'
    throw configError(place, 'is no such choice', policy, fix)
  }
  const count = (number: string | undefined) => Number(number ?? 0)
  const part = Number(`0.${fraction ?? 0}`) * (seconds?.startsWith('-') === true ? -1 : 1)
  const ms =
    ((count(days) * 24 + count(hours)) * 60 + count(minutes)) * 60_000 + Math.trunc((count(seconds) + part) * 1_000)
  const signed = sign === '-' ? -ms : ms
  if (signed >= 0 && Number.isSafeInteger(signed)) return Math.abs(signed)
  throw configError(place, 'is a negative duration, or one without end', policy, 'Write by_duration:PT1H for an hour.')
}
