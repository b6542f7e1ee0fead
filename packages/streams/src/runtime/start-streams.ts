import { configError, type Ports } from '@millrace/kernel'
import { planTopology } from '../topology/plan.ts'
import type { Topology } from '../topology/topology.ts'
import { processIdentity } from './process-identity.ts'
import type { StreamThreadHost } from './stream-thread-host.ts'
import { StreamsApp } from './streams-app.ts'
import { resolveStreamsOptions, type StreamsOptions } from './streams-options.ts'
import type { TopologyModule } from './thread-messages.ts'

export interface StartStreams {
  readonly topology: Topology
  /** Needed where threads are workers: they import it and build the same topology. */
  readonly module: TopologyModule | undefined
  readonly options: StreamsOptions
  readonly host: StreamThreadHost
  readonly ports: Ports
  readonly endpoint?: string | undefined
}

/**
 * Starts an application: checks topology and options, then starts its threads. Resolves when they are started, which
 * is before they
 * have tasks: see `status`.
 *
 * @throws CONFIG before anything starts.
 */
export async function startStreams(start: StartStreams): Promise<StreamsApp> {
  const options = resolveStreamsOptions(start.options, start.topology.name)
  planTopology(start.topology, options.applicationId)
  if (options.threads > 0 && start.module === undefined) {
    throw configError(
      'threads',
      'must be 0 for a topology that no module exports',
      options.threads,
      'Export it from a module.',
    )
  }
  const directory = `${options.stateDirectory}/${options.applicationId}`
  const processId = await processIdentity(start.ports.disk, start.ports.random, directory)
  const module = start.module ?? { url: '', exportName: '' }
  const { fingerprint } = start.topology
  const threads = Array.from({ length: Math.max(1, options.threads) }, (_, index) =>
    start.host.start({ module, fingerprint, options, index, processId, endpoint: start.endpoint }),
  )
  return new StreamsApp(options.applicationId, threads)
}
