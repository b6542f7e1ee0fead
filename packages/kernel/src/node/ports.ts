import type { Ports } from '../ports/ports.ts'
import { nodeClock } from './clock.ts'
import { nodeDisk } from './disk.ts'
import { nodeLog } from './log.ts'
import { memoryMetrics } from './metrics.ts'
import { nodeNet } from './net.ts'
import { nodeRandom } from './random.ts'
import { nodeThreads } from './threads.ts'

/**
 * The real world, port by port. What is given replaces Node's own: another log, metrics with a server, a simulated
 * disk.
 */
export function nodePorts(given: Partial<Ports> = {}): Ports {
  return {
    clock: given.clock ?? nodeClock(),
    disk: given.disk ?? nodeDisk(),
    net: given.net ?? nodeNet(),
    threads: given.threads ?? nodeThreads(),
    random: given.random ?? nodeRandom(),
    metrics: given.metrics ?? memoryMetrics(),
    log: given.log ?? nodeLog(),
  }
}
