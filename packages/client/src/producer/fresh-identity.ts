import { fill } from '@millrace/protocol/internal'
import { retrying } from '../cluster/backoff.ts'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import type { ProducerIdentity } from './partition-queue.ts'
import type { ProducerSettings } from './producer-settings.ts'

/**
 * A fresh producer id. Asked for at the first batch, and again whenever the broker has lost count of what was sent under the old one:
 * then nothing of the old one is in doubt any more, so sequences may begin at 0 without a record being written twice.
 */
export async function freshIdentity(cluster: Cluster, settings: ProducerSettings): Promise<ProducerIdentity> {
  const { clock, random } = cluster.ports
  const request = fill('initProducerId', 'request', { transactionalId: null, transactionTimeoutMs: 0x7fff_ffff })
  const refresh = () => cluster.refresh()
  return retrying({ clock, random, timeoutMs: settings.deliveryTimeoutMs, refresh }, async () => {
    const connection = await cluster.any()
    const answer = await connection.send('initProducerId', request, { timeoutMs: settings.requestTimeoutMs })
    throwIfError(answer.errorCode, 'producer id')
    return { producerId: answer.producerId, epoch: answer.producerEpoch }
  })
}
