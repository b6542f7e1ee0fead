import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, messageOf } from '@millrace/kernel'
import { openClient } from './open-client.ts'

const patienceMs = 120_000

/** Knocks every 5 ms until somebody listens; then makes a topic and writes a record to it, until that is done. */
export async function firstAcknowledged(bootstrap: string): Promise<void> {
  const deadline = Date.now() + patienceMs
  let failed = 'nobody listens'
  while (Date.now() < deadline) {
    if (await isOpen(bootstrap)) {
      try {
        return await produceOne(bootstrap)
      } catch (error) {
        failed = messageOf(error)
      }
    }
    await sleep(5)
  }
  throw new Error(`no record was acknowledged by ${bootstrap} within ${patienceMs} ms: ${failed}`)
}

async function isOpen(bootstrap: string): Promise<boolean> {
  const [host = '', port] = bootstrap.split(':')
  const socket = connect(Number(port), host)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false // nobody listens yet
  } finally {
    socket.destroy()
  }
}

async function produceOne(bootstrap: string): Promise<void> {
  await using client = openClient(bootstrap)
  try {
    await client.admin().createTopics([{ name: 'first', partitions: 1 }])
  } catch (error) {
    // An attempt before this one may have come so far.
    if (!(error instanceof MillraceError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error
  }
  await client.producer({ acks: 'all' }).send({ topic: 'first', value: 'one' })
}
