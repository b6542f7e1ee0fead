import { median } from './benchmark.ts'

/** A measured amount that is no rate: a time, a size. */
export interface Figure {
  readonly what: string
  readonly by: string
  readonly unit: 'ms' | 's' | 'MB' | 'kB' | 'CPU s' | 'files'
  /** Median of the rounds. */
  readonly value: number
  readonly lowest: number
  readonly highest: number
  readonly rounds: number
}

export function figureOf(what: string, by: string, unit: Figure['unit'], values: readonly number[]): Figure {
  const [lowest, highest] = [Math.min(...values), Math.max(...values)]
  return { what, by, unit, value: median(values), lowest, highest, rounds: values.length }
}
