import type { Clock } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Net } from './net.ts'
import type { Random } from './random.ts'
import type { Threads } from './threads.ts'

/** Everything a runtime needs of the world. `nodePorts()` of `@millrace/kernel/node` is the real one. */
export interface Ports {
  readonly clock: Clock
  readonly disk: Disk
  readonly net: Net
  readonly threads: Threads
  readonly random: Random
  readonly metrics: Metrics
  readonly log: Log
}
