import { pinoLog, startMillrace } from 'millrace'

/** `engine.js <data> <port>`: the product's engine as a process of its own. Says its address when it is ready. */
const [data, port] = process.argv.slice(2)
if (data === undefined || port === undefined) throw new Error('engine.js <data> <port>')

const millrace = await startMillrace({ data, listen: { port: Number(port) }, log: pinoLog('error') })
process.stdout.write(`ready ${millrace.address}\n`)
process.once('SIGTERM', () => {
  millrace.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
