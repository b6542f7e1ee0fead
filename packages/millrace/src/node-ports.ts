import type { Log, Metrics, Ports } from '@millrace/kernel'
import {
  memoryMetrics,
  type NodeThreadsOptions,
  nodeClock,
  nodeDisk,
  nodeNet,
  nodeRandom,
  nodeThreads,
} from '@millrace/kernel/node'

export interface NodePortsOptions extends NodeThreadsOptions {
  /** @default in memory, where it is read by nobody */
  readonly metrics?: Metrics | undefined
}

/** The real world, with the given log and, where it is read by somebody, metrics. */
export function nodePorts(log: Log, { metrics, execArgv }: NodePortsOptions = {}): Ports {
  return {
    clock: nodeClock(),
    disk: nodeDisk(),
    net: nodeNet(),
    threads: nodeThreads({ execArgv }),
    random: nodeRandom(),
    metrics: metrics ?? memoryMetrics(),
    log,
  }
}
