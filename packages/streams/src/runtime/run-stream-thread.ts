import type { Client } from '@millrace/client'
import { codeOf, configError, MillraceError, messageOf, type Ports, type ThreadPort } from '@millrace/kernel'
import type { StoreEngine } from '@millrace/store'
import { planTopology } from '../topology/plan.ts'
import type { Topology } from '../topology/topology.ts'
import { StreamThread } from './stream-thread.ts'
import { type FromThread, isToThread, type StreamThreadData, type TopologyModule } from './thread-messages.ts'

export interface StreamThreadWorld {
  readonly data: StreamThreadData
  readonly port: ThreadPort
  /** A client of this thread's own. */
  readonly client: Client
  readonly ports: Ports
  readonly engine: StoreEngine
  /** Given where the topology is at hand; else the module is imported. */
  readonly topology?: Topology | undefined
}

/**
 * The life of one stream thread, from its message port's point of view. Resolves after `stop`; rejects with what made
 * it fail.
 */
export async function runStreamThread(world: StreamThreadWorld): Promise<void> {
  const { data, port, client, ports, engine } = world
  const tell = (message: FromThread): void => port.post(message)
  try {
    const topology = world.topology ?? (await loadTopology(data.module))
    checkFingerprint(topology, data)
    const plan = planTopology(topology, data.options.applicationId)
    const { options, index, processId } = data
    const onStatus = (status: Extract<FromThread, { type: 'status' }>['status']): void =>
      tell({ type: 'status', status })
    const thread = new StreamThread({ plan, client, ports, engine, options, index, processId, onStatus })
    port.listen((message) => {
      if (!isToThread(message)) return
      if (message.type === 'stop') thread.stop()
      else tell({ type: 'answer', id: message.id, answer: thread.query(message.query) })
    })
    await thread.run()
  } catch (error) {
    // Without a code it is a bug, of ours or of the user's functions: the place in the code is what helps.
    if (codeOf(error) === undefined && error instanceof Error)
      ports.log.error('the thread failed', { stack: error.stack })
    tell({ type: 'failed', code: codeOf(error) ?? 'UNKNOWN', message: messageOf(error) })
    throw error
  } finally {
    await client.close()
  }
}

/** @throws CONFIG when the module has no topology under the name. */
export async function loadTopology(module: TopologyModule): Promise<Topology> {
  const exports: unknown = await import(module.url).catch((cause: unknown) => {
    throw moduleError(module.url, cause)
  })
  const found: unknown =
    typeof exports === 'object' && exports !== null ? Reflect.get(exports, module.exportName) : undefined
  if (isTopology(found)) return found
  throw configError(
    module.url,
    `does not export a topology as ${module.exportName}`,
    typeof found,
    'Export what defineTopology returns.',
  )
}

/**
 * What the module itself throws while it is loaded is the user's to read, as it is; only that Node cannot load it is
 * told in our words.
 */
function moduleError(url: string, cause: unknown): unknown {
  switch (codeOf(cause)) {
    case 'ERR_MODULE_NOT_FOUND':
      return new MillraceError('CONFIG', 'cannot be loaded', {
        place: url,
        fix: 'Check the path, and what it imports.',
        cause,
      })
    case 'ERR_UNKNOWN_FILE_EXTENSION': {
      const fix = 'Run it by `millrace run`, build it to JavaScript, or give execArgv with a loader for TypeScript.'
      return new MillraceError('CONFIG', 'is of a kind that Node does not load by itself', { place: url, fix, cause })
    }
    default:
      return cause
  }
}

function isTopology(value: unknown): value is Topology {
  return (
    typeof value === 'object' &&
    value !== null &&
    'fingerprint' in value &&
    'nodes' in value &&
    Array.isArray(value.nodes)
  )
}

/**
 * A module that builds another topology each time it is imported (by the clock, the environment, randomness) cannot
 * be run in parts.
 */
function checkFingerprint(topology: Topology, data: StreamThreadData): void {
  if (topology.fingerprint === data.fingerprint) return
  throw configError(
    data.module.url,
    `built another topology than in the main thread (${data.fingerprint})`,
    topology.fingerprint,
    'Build the same topology wherever the module is imported.',
  )
}
