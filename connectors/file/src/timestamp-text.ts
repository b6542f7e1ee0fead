/** Reads a field as milliseconds since 1970; undefined when it is no such time. */
export type TimestampReader = (value: unknown) => number | undefined

/** Parts of a pattern with their digits. */
const parts = { yyyy: 4, MM: 2, dd: 2, HH: 2, mm: 2, ss: 2, SSS: 3 } as const
const partPattern = /yyyy|MM|dd|HH|mm|SSS|ss/g

/** Why a format cannot be used; undefined when it can. */
export function timestampFormatProblem(format: string): string | undefined {
  if (format === 'iso' || format === 'epoch-ms' || format === 'epoch-s') return undefined
  const found: readonly string[] = format.match(partPattern) ?? []
  if (!found.includes('yyyy')) return 'is neither iso, epoch-ms, epoch-s nor a pattern with yyyy'
  if (new Set(found).size !== found.length) return 'names a part twice'
  const strayLetter = format.replace(partPattern, '').match(/[A-SU-Ya-z]/)?.[0]
  return strayLetter === undefined ? undefined : `has a part that is not known: ${strayLetter}`
}

/** A reader for a format that `timestampFormatProblem` has passed. Times without a zone are UTC. */
export function timestampReader(format: string): TimestampReader {
  if (format === 'iso') return isoTime
  if (format === 'epoch-ms') return (value) => epoch(value, 1)
  if (format === 'epoch-s') return (value) => epoch(value, 1000)
  return patternReader(format)
}

function epoch(value: unknown, scale: number): number | undefined {
  if (value === '' || value === null || typeof value === 'boolean') return undefined
  const ms = Math.floor(Number(value) * scale)
  return Number.isSafeInteger(ms) ? ms : undefined
}

const withZone = /(?:[zZ]|[+-]\d{2}:?\d{2})$/
const isoForm = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[zZ]|[+-]\d{2}:?\d{2})?)?$/

/** ISO 8601 with or without zone; a number is taken as ms. */
function isoTime(value: unknown): number | undefined {
  if (typeof value === 'number') return epoch(value, 1)
  if (typeof value !== 'string' || !isoForm.test(value)) return undefined
  const text = value.replace(' ', 'T').replace(',', '.')
  const ms = Date.parse(text.length <= 10 || withZone.test(text) ? text : `${text}Z`)
  return Number.isNaN(ms) ? undefined : ms
}

function patternReader(format: string): TimestampReader {
  const names: string[] = []
  const source = format.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(partPattern, (part) => {
    names.push(part)
    return `(\\d{${digitsOf(part)}})`
  })
  const form = new RegExp(`^${source}$`)
  const at = (name: string) => names.indexOf(name) + 1
  const [year, month, day] = [at('yyyy'), at('MM'), at('dd')]
  const [hour, minute, second, ms] = [at('HH'), at('mm'), at('ss'), at('SSS')]
  return (value) => {
    const match = form.exec(String(value))
    if (match === null) return undefined
    const part = (i: number, otherwise: number) => (i === 0 ? otherwise : Number(match[i]))
    const [m, d] = [part(month, 1), part(day, 1)]
    const [h, min, s] = [part(hour, 0), part(minute, 0), part(second, 0)]
    if (m < 1 || m > 12 || d < 1 || h > 23 || min > 59 || s > 59) return undefined
    const time = Date.UTC(part(year, 1970), m - 1, d, h, min, s, part(ms, 0))
    return new Date(time).getUTCDate() === d ? time : undefined // 30 February
  }
}

function digitsOf(part: string): number {
  return part === 'yyyy' ? parts.yyyy : part === 'SSS' ? parts.SSS : 2
}
