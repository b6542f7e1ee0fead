import { startEngine } from '@millrace/embedded'
import { nodeLog, nodePorts } from '@millrace/kernel/node'

/**
 * A broker as a process of its own, to be killed: `broker-process.js <directory> <port> [settings as JSON]`. Prints its port when it is
 * ready.
 */
const [directory, port, settings = '{}'] = process.argv.slice(2)
if (directory === undefined || port === undefined) throw new Error('broker-process.js <directory> <port>')

const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
const engine = await startEngine({
  directory,
  ports,
  settings: JSON.parse(settings),
  listen: { host: '127.0.0.1', port: Number(port) },
})
process.stdout.write(`${JSON.stringify({ port: engine.listening?.port })}\n`)
process.once('SIGTERM', () => {
  engine.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
