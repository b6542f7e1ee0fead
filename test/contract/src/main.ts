import { startKafka } from './kafka/kafka-cluster.ts'

/**
 * Apache Kafka for a person: `node test/contract/dist/main.js [1|3] [setting=value]...` prints the bootstrap list and
 * runs until Ctrl-C.
 */
const [first = '1', ...rest] = process.argv.slice(2)
const nodes = first === '3' ? 3 : 1
const pairs = (/^[13]$/.test(first) ? rest : [first, ...rest]).map((pair) => pair.split('=', 2))
const settings = Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
const cluster = await startKafka({ nodes, settings, report: (line) => process.stderr.write(`${line}\n`) })
process.stdout.write(`${cluster.bootstrap}\n`)
process.stderr.write(`logs and data in ${cluster.directory}; Ctrl-C ends it\n`)
const end = (): void => {
  cluster.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
}
process.once('SIGINT', end)
process.once('SIGTERM', end)
process.stdin.resume()
