import { Buffer } from 'node:buffer'
import { tcpTransport } from '@millrace/client'
import { type ApiName, type Connection, fill, type Partially, type RequestOf } from '@millrace/client/internal'
import { nodePorts } from '@millrace/kernel/node'

const membership = { protocolType: 'consumer', sessionTimeoutMs: 45_000, rebalanceTimeoutMs: 300_000 }
const protocolName = 'range'

/**
 * What Java's classic consumer says from its first connection to its assignment, and waits for, alone in a new group:
 * milliseconds of these exchanges, without what goes on between them in the consumer.
 */
export async function joinExchange(bootstrap: string, topic: string, groupId: string): Promise<number> {
  const transport = tcpTransport({ bootstrap: [bootstrap], ports: nodePorts() })
  const [address] = transport.bootstrap
  if (address === undefined) throw new Error('no address')
  const startMs = performance.now()
  const first = await transport.connect(address)
  const [, found] = await Promise.all([
    ask(first, 'metadata', { topics: [{ name: topic }] }),
    ask(first, 'findCoordinator', { coordinatorKeys: [groupId] }),
  ])
  const node = found.coordinators[0]
  if (node === undefined || node.errorCode !== 0) throw new Error(`no coordinator: ${node?.errorMessage}`)
  const coordinator = await transport.connect(node)
  const profile = { ...membership, groupId, protocols: [{ name: protocolName, metadata: subscriptionTo(topic) }] }
  const { memberId } = await ask(coordinator, 'joinGroup', profile)
  const { generationId, errorCode } = await ask(coordinator, 'joinGroup', { ...profile, memberId })
  if (errorCode !== 0) throw new Error(`JoinGroup was answered with ${errorCode}`)
  const assignments = [{ memberId, assignment: Buffer.from([0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) }]
  const generation = { groupId, memberId, generationId, protocolType: membership.protocolType, protocolName }
  const synced = await ask(coordinator, 'syncGroup', { ...generation, assignments })
  const took = performance.now() - startMs
  if (synced.errorCode !== 0) throw new Error(`SyncGroup was answered with ${synced.errorCode}`)
  await ask(coordinator, 'leaveGroup', { groupId, members: [{ memberId }] })
  await Promise.all([first.close(), coordinator.close()])
  return took
}

function ask<A extends ApiName>(connection: Connection, api: A, request: Partially<RequestOf<A>>) {
  return connection.send(api, fill(api, 'request', request))
}

/** ConsumerProtocolSubscription v0: version, topics, no user data. */
function subscriptionTo(topic: string): Buffer {
  const name = Buffer.from(topic)
  const bytes = Buffer.alloc(2 + 4 + 2 + name.length + 4)
  bytes.writeInt32BE(1, 2)
  bytes.writeInt16BE(name.length, 6)
  name.copy(bytes, 8)
  bytes.writeInt32BE(-1, 8 + name.length)
  return bytes
}
