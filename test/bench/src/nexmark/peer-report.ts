import type { Circumstances } from '../report.ts'

/** A run of another stream processor on the same input, to the same result. */
export interface PeerRun {
  readonly query: string
  readonly eventsPerS: number
  readonly wallS: number
  readonly fromStartS: number
  /** Application and broker together, from RUNNING. */
  readonly cpuS: number
  readonly maxRssMb: number
  readonly outputRecords: number
  readonly othersCpuS: number
  readonly match: boolean
}

/** As it lies in `results/nexmark-<name>.json`: written by hand from what the other one measured of itself. */
export interface PeerReport extends Circumstances {
  readonly by: string
  readonly runs: readonly PeerRun[]
}
