import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEngine } from '@millrace/embedded'
import { nodePorts } from '@millrace/kernel/node'
import { serveOrder } from '../child.ts'

export interface ServerAnswer {
  readonly port: number
  readonly pid: number
}

/** An engine that listens; its memory is read from outside. */
await serveOrder(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-connections-'))
  const settings = { 'max.connections': 20_000 }
  const engine = await startEngine({ directory, ports: nodePorts(), settings, listen: { port: 0 } })
  const answer: ServerAnswer = { port: engine.listening?.port ?? 0, pid: process.pid }
  return {
    answer,
    async close() {
      await engine.close()
      rmSync(directory, { recursive: true })
    },
  }
})
