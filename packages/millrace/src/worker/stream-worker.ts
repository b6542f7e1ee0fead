import { createClient } from '@millrace/client'
import { MillraceError, type ThreadPort } from '@millrace/kernel'
import { lmdbEngine } from '@millrace/store'
import { isStreamThreadData, runStreamThread, type StreamThreadData } from '@millrace/streams/internal'
import { nodePorts } from '../node-ports.ts'
import { pinoLog } from '../ports/pino-log.ts'
import { openLink } from './engine-link.ts'

/** What a stream thread's worker is started with. */
export interface StreamWorkerData {
  readonly thread: StreamThreadData
  readonly link: unknown
}

/** The module of a stream thread's worker. */
export default async function start(data: unknown, port: ThreadPort): Promise<void> {
  if (!isStreamWorkerData(data)) throw new MillraceError('STATE', 'a stream worker was started without its data')
  const ports = nodePorts(pinoLog('warn'))
  const link = openLink(data.link, ports, 'millrace-streams')
  const client = createClient({ transport: link.transport, ports })
  try {
    await runStreamThread({ data: data.thread, port, client, ports, engine: lmdbEngine({ disk: ports.disk }) })
  } finally {
    link.close()
    port.close()
  }
}

function isStreamWorkerData(data: unknown): data is StreamWorkerData {
  return (
    typeof data === 'object' && data !== null && 'thread' in data && 'link' in data && isStreamThreadData(data.thread)
  )
}
