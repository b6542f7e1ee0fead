import type { Transcript } from './transcript.ts'

/** One value that the two servers give differently. `undefined` where one of them says nothing there. */
export interface Difference {
  readonly step: string
  /** `responses[0].partitionResponses[0].errorCode` */
  readonly path: string
  readonly kafka: unknown
  readonly ours: unknown
}

/**
 * What differs, value by value. A step that only Apache Kafka has is one of a version or an API that we do not offer:
 * that is ApiVersions' case, not this one's.
 */
export function differences(kafka: Transcript, ours: Transcript): Difference[] {
  return Object.entries(ours).flatMap(([step, answer]) => {
    if (!(step in kafka)) return [{ step, path: '', kafka: undefined, ours: 'asked, and never recorded' }]
    const theirs = leaves(kafka[step], '')
    const own = leaves(JSON.parse(JSON.stringify(answer)), '')
    const paths = new Set([...theirs.keys(), ...own.keys()])
    return [...paths].flatMap((path) => {
      const [a, b] = [theirs.get(path), own.get(path)]
      return a === b ? [] : [{ step, path, kafka: a, ours: b }]
    })
  })
}

/** On one line. */
export function shown({ step, path, kafka, ours }: Difference): string {
  return `${step} · ${path}: ${JSON.stringify(kafka)} at Apache Kafka, ${JSON.stringify(ours)} at ours`
}

function leaves(value: unknown, path: string): Map<string, unknown> {
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, i) => [...leaves(item, `${path}[${i}]`)])
    return new Map(inner.length > 0 ? inner : [[path, '[]']])
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).flatMap(([name, item]) => [
      ...leaves(item, path === '' ? name : `${path}.${name}`),
    ])
    return new Map(inner.length > 0 ? inner : [[path, '{}']])
  }
  return new Map([[path, value]])
}
