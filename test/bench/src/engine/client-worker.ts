import { createClient, tcpTransport } from '@millrace/client'
import { threadTransport } from '@millrace/embedded'
import type { ThreadLinkData } from '@millrace/embedded/internal'
import { silentLog, type ThreadPort } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { type ClientWork, openWork } from './client-work.ts'

export interface ClientOrder {
  readonly work: ClientWork
  /** `host:port`, or the end of a link to the engine's thread. */
  readonly reach: string | ThreadLinkData
}

export type ClientAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly latencies: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string }

/** A client in a worker: does its work each time it is asked, until it is told to stop. */
export default async function start(order: ClientOrder, port: ThreadPort): Promise<void> {
  const ports = nodePorts({ log: silentLog })
  const { reach, work } = order
  const transport =
    typeof reach === 'string' ? tcpTransport({ bootstrap: [reach], ports }) : threadTransport(reach, ports)
  const client = createClient({ transport, ports })
  const answer = (message: ClientAnswer) => port.post(message)
  const run = await openWork(client, work)
  await new Promise<void>((stopped) => {
    port.listen((message) => {
      if (message === 'stop') stopped()
      else
        run().then(
          (latencies) => answer({ kind: 'done', latencies }),
          (error: unknown) => answer({ kind: 'failed', message: String(error) }),
        )
    })
    answer({ kind: 'ready' })
  })
  await client.close()
  if (typeof reach !== 'string') reach.port.close() // the thread lives while it is open
  port.close()
}
