import type { BrokerName } from './broker-under-test.ts'

export type RowUnit = 'records/s' | 'transactions/s' | 'CPU s per M' | 'µs CPU a record' | 'ms' | 'MiB' | 'syncs'

/** Who was measured: a broker, or a client of ours against a client of theirs. */
export type Side = BrokerName | 'client'

/** One line of the table: what was measured of whom, round after round. */
export interface Row {
  readonly work: string
  readonly unit: RowUnit
  /** Of ours over theirs; undefined where there is none. */
  readonly aim: Aim | undefined
  readonly values: Partial<Record<Side, readonly number[]>>
}

export interface Aim {
  readonly is: 'at least' | 'at most'
  readonly ratio: number
}

export const atLeast = (ratio: number): Aim => ({ is: 'at least', ratio })
export const atMost = (ratio: number): Aim => ({ is: 'at most', ratio })

/** Collects values of rows, in the order in which rows were first heard of. */
export class Rows {
  readonly #rows = new Map<string, { row: Row; values: Partial<Record<Side, number[]>> }>()

  add(work: string, unit: RowUnit, aim: Aim | undefined, side: Side, value: number): void {
    let known = this.#rows.get(`${work} ${unit}`)
    if (known === undefined) {
      const values = {}
      known = { row: { work, unit, aim, values }, values }
      this.#rows.set(`${work} ${unit}`, known)
    }
    const { values } = known
    const all = values[side] ?? []
    all.push(value)
    values[side] = all
  }

  all(): readonly Row[] {
    return [...this.#rows.values()].map(({ row }) => row)
  }
}
