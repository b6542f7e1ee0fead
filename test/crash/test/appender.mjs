// A process that appends until it is killed. Prints `<offset after> <acks>` for each acknowledgement.
import { writeSync } from 'node:fs'
import { silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeRandom } from '@millrace/kernel/node'
import { openLogDirectory } from '@millrace/log/internal'
import { BatchBuilder, bytesOut } from '@millrace/record/internal'

const clock = nodeClock()
const ports = { disk: nodeDisk(), clock, random: nodeRandom(), log: silentLog, metrics: memoryMetrics() }
const directory = await openLogDirectory(process.argv[2], ports)
if (directory.topic('orders') === undefined) {
  await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map([['segment.bytes', '20000']]) })
}
const log = directory.partition('orders', 0)
writeSync(1, `open ${log.highWatermark}\n`)
const builder = new BatchBuilder()
for (;;) {
  const number = log.highWatermark
  builder.append(clock.nowMs(), Buffer.from('k'), bytesOut, Buffer.from(`value-${number}`), bytesOut, null)
  const { lastOffset } = log.append(builder.build())
  writeSync(1, `${lastOffset + 1} 1\n`)
  if (number % 7 === 0) {
    await log.synced(lastOffset + 1)
    writeSync(1, `${lastOffset + 1} all\n`)
  }
}
