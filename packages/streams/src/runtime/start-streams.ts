import { configError, type Ports } from '@millrace/kernel'
import { planTopology } from '../topology/plan.ts'
import type { Topology } from '../topology/topology.ts'
import { StateDirectory } from './state-directory.ts'
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
 * is before they have tasks: see `status`.
 *
 * @throws CONFIG before anything starts; DIRECTORY_IN_USE when the application runs on the state directory already.
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
  const directory = new StateDirectory(start.ports.disk, `${options.stateDirectory}/${options.applicationId}`)
  try {
    await directory.checkStores(start.topology.stores)
    const processId = await directory.processId(start.ports.random)
    const module = start.module ?? { url: '', exportName: '' }
    const { fingerprint } = start.topology
    const threads = Array.from({ length: Math.max(1, options.threads) }, (_, index) =>
      start.host.start({ module, fingerprint, options, index, processId, endpoint: start.endpoint }),
    )
    void Promise.allSettled(threads.map(({ ended }) => ended)).then(() => directory.release())
    return new StreamsApp(options.applicationId, threads)
  } catch (error) {
    directory.release()
    throw error
  }
}
