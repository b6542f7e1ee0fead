import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { OwnCluster } from './own-cluster.ts'

const run = promisify(execFile)
const here = fileURLToPath(new URL('.', import.meta.url))

/** What most programs for kafkajs look like. */
const program = `
  const { Kafka, logLevel, Partitioners } = require('@millrace/kafkajs')
  const kafka = new Kafka({ brokers: [process.argv[1]], logLevel: logLevel.NOTHING })
  const main = async () => {
    const producer = kafka.producer({ createPartitioner: Partitioners.LegacyPartitioner })
    await producer.connect()
    const [row] = await producer.send({ topic: 'made', messages: [{ key: 'k', value: 'v' }] })
    await producer.disconnect()
    console.log(row.baseOffset)
  }
  main()
`

test('a CommonJS program requires it', async () => {
  await using cluster = await OwnCluster.start()
  const args = ['--input-type=commonjs', '-e', program, cluster.address]
  const { stdout } = await run(process.execPath, args, { cwd: here })
  expect(stdout).toBe('0\n')
})
