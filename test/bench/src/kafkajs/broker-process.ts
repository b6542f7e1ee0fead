import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEngine } from '@millrace/embedded'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { serveOrder } from '../child.ts'

/** A broker in a process of its own, so that what is measured is the client. */
export interface BrokerAnswer {
  readonly port: number
}

await serveOrder<null, BrokerAnswer>(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-kafkajs-'))
  const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
  const engine = await startEngine({
    directory,
    ports,
    listen: { host: '127.0.0.1', port: 0 },
  })
  return {
    answer: { port: engine.listening?.port ?? 0 },
    async close() {
      await engine.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
})
