import type { Circumstances } from '../report.ts'
import type { NexmarkRun } from './nexmark-run.ts'

/** As it lies in `results/nexmark.json`. */
export interface NexmarkReport extends Circumstances {
  readonly events: number
  readonly runs: readonly NexmarkRun[]
}
