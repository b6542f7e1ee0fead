import type { Log, Metrics, Ports } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeNet, nodeRandom, nodeThreads } from '@millrace/kernel/node'

/** The real world, with the given log and, where it is read by somebody, metrics. */
export function nodePorts(log: Log, metrics: Metrics = memoryMetrics()): Ports {
  return {
    clock: nodeClock(),
    disk: nodeDisk(),
    net: nodeNet(),
    threads: nodeThreads(),
    random: nodeRandom(),
    metrics,
    log,
  }
}
